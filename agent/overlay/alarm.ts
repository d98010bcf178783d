import type { Clock, Instant, Timer } from '#kernel';
import { never } from '#kernel';

/**
 * One timer for a machine's deadline. Moving the deadline later costs nothing: the timer then fires early, finds that it
 * is too early, and is set again.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: (now: Instant) => void;
  #timer: Timer | null = null;
  #timerAt: Instant = never;
  #deadline: Instant = never;
  #isStopped = false;

  constructor(clock: Clock, ring: (now: Instant) => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  set(deadline: Instant): void {
    if (this.#isStopped) return;
    this.#deadline = deadline;
    if (deadline < this.#timerAt) this.#start();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAt = never;
    this.#deadline = never;
  }

  /** For good: what still comes in while its owner closes sets it no more, and no timer keeps the process alive. */
  stop(): void {
    this.#isStopped = true;
    this.cancel();
  }

  #start(): void {
    this.#timer?.cancel();
    this.#timerAt = this.#deadline;
    this.#timer = this.#clock.at(this.#deadline, () => this.#fired());
  }

  #fired(): void {
    this.#timer = null;
    this.#timerAt = never;
    const now = this.#clock.now();
    if (now >= this.#deadline) this.#ring(now);
    if (this.#timer === null && this.#deadline < never && this.#deadline > now) this.#start();
  }
}
