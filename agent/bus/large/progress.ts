import type { Instant } from '#kernel';
import { since } from '#kernel';

const everyMs = 1000;

/** When a figure is worth telling again, and how fast it goes. */
export class Progress {
  #at: Instant;
  #bytes: number;
  #rate: number | null = null;

  constructor(bytes: number, now: Instant) {
    this.#at = now;
    this.#bytes = bytes;
  }

  /** Over the last seconds; null before there was one. */
  get bytesPerSecond(): number | null {
    return this.#rate;
  }

  /** True once a second at most. */
  note(bytes: number, now: Instant): boolean {
    const tookMs = since(this.#at, now);
    if (tookMs < everyMs) return false;
    const rate = (Math.max(0, bytes - this.#bytes) * 1000) / tookMs;
    this.#rate = this.#rate === null ? rate : this.#rate + (rate - this.#rate) * 0.3;
    this.#at = now;
    this.#bytes = bytes;
    return true;
  }
}
