import type { Clock, Instant, Timer } from '#kernel';
import { never } from '#kernel';

/** Runs at a machine's deadline. Deadlines that move away cost nothing: the timer wakes, looks, and goes on waiting. */
export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #deadline: () => Instant;
  readonly #due: () => void;
  #timer: Timer | null = null;
  #armedFor: Instant = never;

  constructor(clock: Clock, deadline: () => Instant, due: () => void) {
    this.#clock = clock;
    this.#deadline = deadline;
    this.#due = due;
  }

  /** To be called after each step. */
  look(): void {
    const deadline = this.#deadline();
    if (deadline >= this.#armedFor) return;
    this.#timer?.cancel();
    this.#armedFor = deadline;
    this.#timer = this.#clock.at(deadline, () => this.#fire());
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#armedFor = never;
  }

  #fire(): void {
    this.#timer = null;
    this.#armedFor = never;
    if (this.#deadline() <= this.#clock.now()) this.#due();
    else this.look();
  }
}
