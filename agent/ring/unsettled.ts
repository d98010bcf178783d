import { together } from './dropped-topics.ts';
import type { PendingGap } from './gaps.ts';
import type { DropReason } from './types.ts';

/** What one settle took off: records handed out, and records lost by reason. */
export interface Taken {
  readonly records: number;
  readonly gaps: readonly { readonly count: number; readonly reason: DropReason }[];
}

/** Records and gaps handed out and not settled yet, in order. Eight bytes a record; bounded. */
export class Unsettled {
  readonly limit = 262_144;
  #slots = new Float64Array(64);
  #first = 0;
  #count = 0;
  #gaps: PendingGap[] = [];
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

  pushGap(gap: PendingGap): void {
    this.#gaps.push(gap);
    this.#lost += gap.count;
  }

  get lastGap(): PendingGap | undefined {
    return this.#gaps.at(-1);
  }

  /** Makes the last gap longer, if it is of the same kind and stands right before; else false. */
  joinGap(gap: PendingGap): boolean {
    const last = this.#gaps.at(-1);
    if (last?.reason !== gap.reason || last.to < this.#lastPushed) return false;
    const topics = together(last.topics, gap.topics);
    this.#gaps[this.#gaps.length - 1] = { ...last, to: gap.to, count: last.count + gap.count, topics };
    this.#lost += gap.count;
    return true;
  }

  /** Takes off everything up to `to`. */
  take(to: number): Taken {
    let records = 0;
    while (this.#count > 0 && (this.#slots[this.#first] as number) <= to) {
      this.#first = (this.#first + 1) % this.#slots.length;
      this.#count--;
      records++;
    }
    const gaps: PendingGap[] = [];
    while (this.#gaps.length > 0 && (this.#gaps[0] as PendingGap).to <= to) gaps.push(this.#gaps.shift() as PendingGap);
    for (const gap of gaps) this.#lost -= gap.count;
    return { records, gaps };
  }

  /**
   * `count` records up to `to` were dropped, whatever was handed out of them: moves those that were to the end of another
   * one, as far as it has room; gaps up to there are forgotten, and one that reaches beyond loses its part.
   */
  move(to: number, count: number, other: Unsettled): void {
    let part = count;
    for (let left = this.#count; left > 0 && !other.full; left--) {
      const sequence = this.#slots[this.#first] as number;
      if (sequence > to) break;
      other.push(sequence);
      this.#first = (this.#first + 1) % this.#slots.length;
      this.#count--;
      part--;
    }
    const { records, gaps } = this.take(to);
    for (const gap of gaps) part -= gap.count;
    this.#cutGap(to, part - records);
  }

  #cutGap(to: number, part: number): void {
    const gap = this.#gaps[0];
    if (gap === undefined || gap.from > to || part <= 0) return;
    const gone = Math.min(part, gap.count);
    this.#gaps[0] = { ...gap, from: to + 1, count: gap.count - gone, topics: [] };
    this.#lost -= gone;
  }

  clear(): void {
    this.#first = 0;
    this.#count = 0;
    this.#gaps = [];
    this.#lost = 0;
  }

  get #lastPushed(): number {
    if (this.#count === 0) return 0;
    return this.#slots[(this.#first + this.#count - 1) % this.#slots.length] as number;
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
