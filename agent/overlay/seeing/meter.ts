import type { Instant } from '#kernel';

const spanMs = 10_000;

/** Bytes a second over about the last ten seconds: what is older counts for less and less. */
export class Meter {
  #perSecond = 0;
  #at: number;

  constructor(now: Instant) {
    this.#at = now;
  }

  add(bytes: number, now: Instant): void {
    this.#fade(now);
    this.#perSecond += (bytes * 1000) / spanMs;
  }

  perSecond(now: Instant): number {
    this.#fade(now);
    return this.#perSecond;
  }

  #fade(now: Instant): void {
    if (now <= this.#at) return;
    this.#perSecond *= Math.exp((this.#at - now) / spanMs);
    this.#at = now;
  }
}
