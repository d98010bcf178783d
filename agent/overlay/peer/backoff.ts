import type { Duration } from '#kernel';
import { milliseconds } from '#kernel';

/** What is waited after the first, second … failure, the last for ever. The first comes after a link that stood well. */
export type Ladder = readonly [number, ...number[]];

/** A peer that someone configured: at once, and then ever later up to stock's 5 s. */
export const patientLadder: Ladder = [0, 250, 500, 1000, 2000, 4000, 5000];
/** A neighbour that is forgotten after its third failure: not before some seconds have gone. */
export const neighbourLadder: Ladder = [0, 2500, 5000];

/** At once, but for this much: many nodes that lose one hub do not come back in the same millisecond. */
const spreadMs = 50;

/** How long to wait before the next attempt, with half of it left to chance. */
export class Backoff {
  readonly #ladder: Ladder;
  /** Before the first link stands, "at once" would only ask the same again. */
  #step = 1;

  constructor(ladder: Ladder = patientLadder) {
    this.#ladder = ladder;
  }

  next(fraction: number): Duration {
    const step = Math.min(this.#step, this.#ladder.length - 1);
    this.#step = step + 1;
    const wait = this.#ladder[step] ?? 0;
    return milliseconds(wait === 0 ? spreadMs * fraction : wait * (0.5 + fraction / 2));
  }

  /** A link has stood well. */
  reset(): void {
    this.#step = 0;
  }
}
