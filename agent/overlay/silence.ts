import type { Instant, Subnet } from '#kernel';
import { since } from '#kernel';

/** So many waits in a row, and so long after the first: round trips may be short, and far sides busy. */
const wantedWaits = 3;
const wantedMs = 2000;
const destinationsKept = 1024;

/**
 * Whether silence says something about the way: a far side that answers nothing, wait after wait, though there is a route. It
 * counts nothing itself, because only who waits knows what is an answer. Bounded: the oldest silence is forgotten first.
 */
export class Silence {
  readonly #began = new Map<Subnet, Instant>();

  /** A wait for an answer from there was in vain, the `inRow`-th since anything was answered. True: that is enough. */
  waited(subnet: Subnet, inRow: number, now: Instant): boolean {
    const began = inRow > 1 ? this.#began.get(subnet) : undefined;
    if (began === undefined) {
      this.#begin(subnet, now);
      return false;
    }
    return inRow >= wantedWaits && since(began, now) >= wantedMs;
  }

  get count(): number {
    return this.#began.size;
  }

  #begin(subnet: Subnet, now: Instant): void {
    this.#began.delete(subnet);
    if (this.#began.size >= destinationsKept) {
      const [oldest] = this.#began.keys();
      if (oldest !== undefined) this.#began.delete(oldest);
    }
    this.#began.set(subnet, now);
  }
}
