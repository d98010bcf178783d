import type { Duration } from '#kernel';
import { milliseconds } from '#kernel';

const leastMs = 200;
const mostMs = 5000;

/** How long to wait before the next attempt: doubles from 200 ms to 5 s, with half of it left to chance. */
export class Backoff {
  #next = leastMs;

  next(fraction: number): Duration {
    const wait = this.#next * (0.5 + fraction / 2);
    this.#next = Math.min(mostMs, this.#next * 2);
    return milliseconds(wait);
  }

  reset(): void {
    this.#next = leastMs;
  }
}
