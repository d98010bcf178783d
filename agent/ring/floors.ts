import { getUint48, putUint48, viewOf } from './layout.ts';
import { type RecordKind, recordKind } from './record.ts';
import type { Stage } from './stage.ts';
import type { Lane } from './types.ts';

/** Where the floors are kept among the values: the ring's own, no state of a room. */
export const floorsKey = '\0ring/floors';
const name = Buffer.from(floorsKey);
const savedBytes = 18;

/**
 * Up to which sequence each lane has given up its records, for its budget. Cursors leave them out from the moment on that
 * the floor is durable: what the far end is told of as dropped does not come back after a power cut.
 */
export class Floors {
  readonly #durable = [0, 0, 0];
  readonly #wanted = [0, 0, 0];
  #saved = true;

  constructor(saved: Uint8Array | null) {
    if (saved === null || saved.length !== savedBytes) return;
    this.madeDurable(saved);
    for (const [lane, floor] of this.#durable.entries()) this.#wanted[lane] = floor;
  }

  /** The lane's records up to there are dropped. */
  durable(lane: Lane): number {
    return this.#durable[lane] ?? 0;
  }

  /** And up to there they soon are. */
  wanted(lane: Lane): number {
    return this.#wanted[lane] ?? 0;
  }

  raise(lane: Lane, to: number): void {
    if (to <= this.wanted(lane)) return;
    this.#wanted[lane] = to;
    this.#saved = false;
  }

  /** A floor that was raised goes with the next batch that has room for it. */
  stage(
    stage: Pick<Stage, 'floors'>,
    control: (kind: RecordKind, name: Uint8Array, body: Uint8Array) => number | null,
  ): void {
    if (this.#saved) return;
    const saved = this.save();
    if (control(recordKind.put, name, saved) === null) return;
    stage.floors = saved;
    this.#saved = true;
  }

  save(): Uint8Array {
    const bytes = new Uint8Array(savedBytes);
    for (const [lane, floor] of this.#wanted.entries()) putUint48(viewOf(bytes), 6 * lane, floor);
    return bytes;
  }

  madeDurable(saved: Uint8Array | null): void {
    if (saved === null) return;
    const view = viewOf(saved);
    for (const lane of [0, 1, 2]) this.#durable[lane] = Math.max(this.#durable[lane] ?? 0, getUint48(view, 6 * lane));
  }
}
