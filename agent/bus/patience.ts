import type { Duration, Instant } from '#kernel';
import { after, instant, milliseconds, never, seconds } from '#kernel';

const shortest = seconds(1);

/** The slow timer of a stream: waits that double with every vain attempt, with jitter, bounded. */
export class Patience {
  readonly #fraction: () => number;
  /** Vain attempts since the last progress. */
  attempts = 0;
  at: Instant = never;
  /** Smoothed as in TCP; null before the first answer. */
  roundTripMs: number | null = null;

  /** `fraction`: uniform in [0, 1). */
  constructor(fraction: () => number) {
    this.#fraction = fraction;
  }

  /** Waits for an answer: four round trips, at least a second, then ever longer up to `longest`. */
  wait(now: Instant, longest: Duration): void {
    const first = Math.max(shortest, 4 * (this.roundTripMs ?? 0));
    const doubled = Math.min(longest, first * 2 ** Math.min(this.attempts, 16));
    this.at = after(now, milliseconds(doubled * (0.75 + this.#fraction() / 2)));
  }

  rest(): void {
    this.at = never;
  }

  measure(took: Duration): void {
    this.roundTripMs = this.roundTripMs === null ? took : this.roundTripMs * 0.875 + took * 0.125;
  }
}

export const earlier = (a: Instant, b: Instant): Instant => instant(Math.min(a, b));
