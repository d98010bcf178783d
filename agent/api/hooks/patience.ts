import { after, type Clock, type Duration, type Instant, milliseconds, type Random, type Timer } from '#kernel';

export interface PatiencePorts {
  readonly clock: Clock;
  readonly random: Random;
}

/** When to try again: 1 s after the first failure, twice as long after each further one, and how it stands until then. */
export class Patience {
  readonly #ports: PatiencePorts;
  readonly #mostMs: number;
  #timer: Timer | null = null;
  #since: Instant | null = null;
  failures = 0;
  failed = 0;
  why: string | null = null;

  constructor(ports: PatiencePorts, most: Duration) {
    this.#ports = ports;
    this.#mostMs = most;
  }

  /** Since the first of the failures that have not been made up for. */
  get since(): Instant | null {
    return this.#since;
  }

  failedWith(why: string, again: () => void): void {
    const { clock, random } = this.#ports;
    this.failed++;
    this.failures++;
    this.why = why;
    this.#since ??= clock.now();
    const wait = Math.min(this.#mostMs, 1000 * 2 ** Math.min(this.failures - 1, 20));
    this.#timer = clock.at(after(clock.now(), milliseconds(wait * (0.8 + 0.4 * random.fraction()))), again);
  }

  went(): void {
    this.failures = 0;
    this.why = null;
    this.#since = null;
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
