import type { Duration } from '#kernel';
import { windowsOf } from './lanes.ts';
import type { Lane, RingOptions, WritesStatus } from './types.ts';
import { WriteBudget } from './write-budget.ts';
import { WriteMeter } from './write-meter.ts';

const normal: Lane = 1;

/** What the ring writes to its disk: measured, and kept within a budget by longer commit windows. */
export class Writes {
  readonly #windows: readonly Duration[];
  /** Of what is the ring's own. */
  readonly #window: Duration;
  readonly #ringTime: () => number;
  readonly #total: () => number;
  readonly #meter: WriteMeter;
  readonly #budget: WriteBudget | null;
  readonly #startedAt: number;

  /** `total`: bytes written since the start, zeros and checkpoints included. */
  constructor(options: RingOptions, saved: Uint8Array | null, ringTime: () => number, total: () => number) {
    const bytesPerDay = options.writeBytesPerDay ?? null;
    const now = ringTime();
    this.#windows = windowsOf(options);
    this.#window = options.commitWindow;
    this.#ringTime = ringTime;
    this.#total = total;
    this.#startedAt = now;
    this.#meter = new WriteMeter(saved, now);
    this.#budget = bytesPerDay === null ? null : new WriteBudget(bytesPerDay, this.#meter.lately(now).bytes, now);
  }

  /** How long a commit gathers that holds something of the lane (null: nothing but the ring's own). Urgent is never stretched. */
  windowOf(lane: Lane | null): Duration {
    const window = (lane === null ? undefined : this.#windows[lane]) ?? this.#window;
    return lane === 0 || this.#budget === null ? window : this.#budget.stretched(window);
  }

  committed(): void {
    const now = this.#ringTime();
    const more = this.#meter.note(this.#total(), now);
    this.#budget?.spent(more, now);
  }

  saved(): Uint8Array {
    this.#meter.note(this.#total(), this.#ringTime());
    return this.#meter.saved();
  }

  get status(): WritesStatus {
    const now = this.#ringTime();
    const sinceStart = this.#total();
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
