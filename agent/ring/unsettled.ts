import type { DropReason } from './types.ts';

/** What one settle took off: records handed out, and records lost by reason. */
export interface Taken {
  readonly records: number;
  readonly gaps: readonly { readonly count: number; readonly reason: DropReason }[];
}

interface Gap {
  readonly to: number;
  readonly count: number;
  readonly reason: DropReason;
}

/** Records and gaps handed out and not settled yet, in order. Eight bytes a record; bounded. */
export class Unsettled {
  readonly limit = 262_144;
  #slots = new Float64Array(64);
  #first = 0;
  #count = 0;
  #gaps: Gap[] = [];
  #lost = 0;

  get full(): boolean {
    return this.#count >= this.limit;
  }

  /** Records in it, the lost ones counted. */
  get ordinals(): number {
    return this.#count + this.#lost;
  }

  push(sequence: number): void {
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.#count) % this.#slots.length] = sequence;
    this.#count++;
  }

  pushGap(gap: Gap): void {
    this.#gaps.push(gap);
    this.#lost += gap.count;
  }

  /** Takes off everything up to `to`. */
  take(to: number): Taken {
    let records = 0;
    while (this.#count > 0 && (this.#slots[this.#first] as number) <= to) {
      this.#first = (this.#first + 1) % this.#slots.length;
      this.#count--;
      records++;
    }
    const gaps: Gap[] = [];
    while (this.#gaps.length > 0 && (this.#gaps[0] as Gap).to <= to) gaps.push(this.#gaps.shift() as Gap);
    for (const gap of gaps) this.#lost -= gap.count;
    return { records, gaps };
  }

  /** Moves the records up to `to` to the end of another one, as far as it has room; gaps up to there are forgotten. */
  move(to: number, other: Unsettled): void {
    for (let left = this.#count; left > 0 && !other.full; left--) {
      const sequence = this.#slots[this.#first] as number;
      if (sequence > to) break;
      other.push(sequence);
      this.#first = (this.#first + 1) % this.#slots.length;
      this.#count--;
    }
    this.take(to);
  }

  clear(): void {
    this.#first = 0;
    this.#count = 0;
    this.#gaps = [];
    this.#lost = 0;
  }

  #grow(): void {
    const wider = new Float64Array(this.#slots.length * 2);
    for (let index = 0; index < this.#count; index++) {
      wider[index] = this.#slots[(this.#first + index) % this.#slots.length] as number;
    }
    this.#slots = wider;
    this.#first = 0;
  }
}
