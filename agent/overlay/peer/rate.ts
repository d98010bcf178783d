import type { Instant } from '#kernel';

/** A token bucket: `burst` at once, `perSecond` in the long run. */
export class Rate {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, burst: number, now: Instant) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Takes one, or so many; or says no. */
  take(now: Instant, count = 1): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.#perSecond) / 1000);
    this.#at = now;
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Nobody has taken from it for so long that forgetting it changes nothing. */
  isIdle(now: Instant): boolean {
    return now - this.#at >= (this.#burst / this.#perSecond) * 1000;
  }
}
