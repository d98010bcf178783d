import type { Duration } from '#kernel';
import type { Lane, WritesStatus } from './types.ts';
import { WriteBudget } from './write-budget.ts';
import { WriteMeter } from './write-meter.ts';

export interface WritesOptions {
  /** Null: no limit. */
  readonly bytesPerDay: number | null;
  readonly windowOf: (lane: Lane) => Duration;
  /** Bytes written since the start, zeros and checkpoints included. */
  readonly total: () => number;
  readonly ringTime: () => number;
  readonly saved: Uint8Array | null;
}

const normal: Lane = 1;

/** What the ring writes to its disk: measured, and kept within a budget by longer commit windows. */
export class Writes {
  readonly #options: WritesOptions;
  readonly #meter: WriteMeter;
  readonly #budget: WriteBudget | null;
  readonly #startedAt: number;

  constructor(options: WritesOptions) {
    const { bytesPerDay, saved } = options;
    const now = options.ringTime();
    this.#options = options;
    this.#startedAt = now;
    this.#meter = new WriteMeter(saved, now);
    this.#budget = bytesPerDay === null ? null : new WriteBudget(bytesPerDay, this.#meter.lately(now).bytes, now);
  }

  /** How long a commit gathers that holds something of the lane (null: nothing but the ring's own). Urgent is never stretched. */
  windowOf(lane: Lane | null): Duration {
    const window = this.#options.windowOf(lane ?? normal);
    return lane === 0 || this.#budget === null ? window : this.#budget.stretched(window);
  }

  committed(): void {
    const now = this.#options.ringTime();
    const more = this.#meter.note(this.#options.total(), now);
    this.#budget?.spent(more, now);
  }

  saved(): Uint8Array {
    this.#meter.note(this.#options.total(), this.#options.ringTime());
    return this.#meter.saved();
  }

  get status(): WritesStatus {
    const { ringTime, total } = this.#options;
    const now = ringTime();
    const sinceStart = total();
    this.#meter.note(sinceStart, now);
    return {
      sinceStart: { bytes: sinceStart, spanMs: now - this.#startedAt },
      lately: this.#meter.lately(now),
      budgetBytesPerDay: this.#budget?.bytesPerDay ?? null,
      overBudget: this.#budget?.exceeded ?? false,
      commitWindowMs: this.windowOf(normal),
    };
  }
}
