import { type Duration, milliseconds } from '#kernel';

const dayMs = 86_400_000;
/** A stretched window begins here and ends there: whoever waits for an acknowledgement waits no longer. */
const leastStretchedMs = 10;
export const longestWindowMs = 1_000;

/**
 * So many bytes a day of powered time: a bucket that holds a day's worth and fills evenly. While it is empty, each commit
 * gathers twice as long as the one before, up to a second; when it holds 1 % again, half as long, down to the configured window.
 */
export class WriteBudget {
  readonly bytesPerDay: number;
  #left: number;
  #at: number;
  #stretchedMs = 0;
  exceeded = false;

  /** `written`: what the last day has had of it already. */
  constructor(bytesPerDay: number, written: number, ringTime: number) {
    this.bytesPerDay = bytesPerDay;
    this.#left = Math.max(bytesPerDay - written, -bytesPerDay / 24);
    this.#at = ringTime;
    this.exceeded = this.#left < 0;
  }

  /** A commit has ended. A debt is an hour's worth at the most: one flood does not punish the whole day. */
  spent(bytes: number, ringTime: number): void {
    const { bytesPerDay } = this;
    const filled = Math.min(bytesPerDay, this.#left + ((ringTime - this.#at) * bytesPerDay) / dayMs);
    this.#at = ringTime;
    this.#left = Math.max(filled - bytes, -bytesPerDay / 24);
    if (this.#left < 0) this.exceeded = true;
    else if (this.#left > bytesPerDay / 100) this.exceeded = false;
    if (this.exceeded) this.#stretchedMs = Math.min(longestWindowMs, Math.max(leastStretchedMs, this.#stretchedMs * 2));
    else this.#stretchedMs = this.#stretchedMs <= leastStretchedMs ? 0 : this.#stretchedMs / 2;
  }

  stretched(window: Duration): Duration {
    return this.#stretchedMs > window ? milliseconds(this.#stretchedMs) : window;
  }
}
