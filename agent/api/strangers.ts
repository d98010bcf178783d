import { after, type Clock, type Instant, minutes, type PublicKey } from '#kernel';

interface Seen {
  count: number;
  at: Instant;
}

export interface Stranger {
  readonly publicKey: PublicKey;
  /** Messages since it began, or began again. */
  readonly count: number;
}

/** Who has not been heard of for so long is no news. */
const recent = minutes(15);
/** Keys remembered at a time; the one longest silent is forgotten first. */
const limit = 32;

/** Nodes that nobody has named and that send here all the same: the last of them, and how much they all sent. */
export class Strangers {
  readonly #clock: Clock;
  /** Longest silent first. */
  readonly #seen = new Map<PublicKey, Seen>();
  /** Messages dropped since the start. */
  count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A message of this node was dropped: no, it is not known. */
  note(from: PublicKey): false {
    this.count++;
    const now = this.#clock.now();
    const known = this.#seen.get(from);
    this.#seen.delete(from);
    const isNews = known === undefined || after(known.at, recent) < now;
    this.#seen.set(from, { count: isNews ? 1 : known.count + 1, at: now });
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= limit) break;
      this.#seen.delete(oldest);
    }
    return false;
  }

  /** Those heard of in the last 15 minutes, the latest first. */
  recent(): readonly Stranger[] {
    const now = this.#clock.now();
    return [...this.#seen]
      .filter(([, { at }]) => after(at, recent) >= now)
      .map(([publicKey, { count }]) => ({ publicKey, count }))
      .reverse();
  }
}
