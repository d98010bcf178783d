import { getUint48, putUint48, viewOf } from './layout.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const hours = 24;
/** Among a checkpoint's values, and in no state that other rooms see. */
export const writesKey = '\0ring/writes';

/** What was written over the last day of powered time, or since it is counted. */
export interface WrittenLately {
  readonly bytes: number;
  readonly spanMs: number;
}

/**
 * Bytes written to the disk, by hour of powered time: of the running hour and the 23 before it. A checkpoint carries it, so
 * that a restart goes on; a kill forgets what came after the last one. Saved as: counted since u48, hour u48, 24 × bytes u48.
 */
export class WriteMeter {
  readonly #bytes: number[];
  #hour: number;
  readonly #since: number;
  /** What the start's counters said when they were looked at last. */
  #total = 0;

  constructor(saved: Uint8Array | null, ringTime: number) {
    const whole = saved !== null && saved.length === 12 + 6 * hours ? viewOf(saved) : null;
    this.#since = whole === null ? ringTime : Math.min(getUint48(whole, 0), ringTime);
    this.#hour = whole === null ? hourOf(ringTime) : Math.min(getUint48(whole, 6), hourOf(ringTime));
    this.#bytes = Array.from({ length: hours }, (_, at) => (whole === null ? 0 : getUint48(whole, 12 + 6 * at)));
    this.#turn(ringTime);
  }

  /** `total`: bytes since the start. Returns how many are new. */
  note(total: number, ringTime: number): number {
    this.#turn(ringTime);
    const more = total - this.#total;
    this.#total = total;
    this.#bytes[this.#hour % hours] = (this.#bytes[this.#hour % hours] ?? 0) + more;
    return more;
  }

  lately(ringTime: number): WrittenLately {
    this.#turn(ringTime);
    const bytes = this.#bytes.reduce((sum, each) => sum + each, 0);
    const spanMs = Math.min(ringTime - this.#since, dayMs - hourMs + (ringTime % hourMs));
    return { bytes, spanMs: Math.max(0, spanMs) };
  }

  saved(): Uint8Array {
    const bytes = new Uint8Array(12 + 6 * hours);
    const view = viewOf(bytes);
    putUint48(view, 0, this.#since);
    putUint48(view, 6, this.#hour);
    for (const [at, each] of this.#bytes.entries()) putUint48(view, 12 + 6 * at, each);
    return bytes;
  }

  /** Hours that have begun since hold nothing yet. */
  #turn(ringTime: number): void {
    const hour = hourOf(ringTime);
    for (let passed = Math.max(this.#hour + 1, hour - hours + 1); passed <= hour; passed++)
      this.#bytes[passed % hours] = 0;
    this.#hour = Math.max(this.#hour, hour);
  }
}

const hourOf = (ringTime: number): number => Math.floor(ringTime / hourMs);
