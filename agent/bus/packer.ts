import type { Epoch, Sequence } from '#kernel';
import { sequence } from '#kernel';
import type { GapRecord, MessageRecord } from '#ring';
import type { Course } from './frame.ts';
import { writeBatchHead } from './frame.ts';
import { ItemWriter } from './item-writer.ts';
import type { Position } from './position.ts';
import { noEpoch } from './position.ts';
import type { OutgoingRule } from './types.ts';

export const batchRecords = 256;
export const batchBytes = 48 * 1024;
/** Hops of a record that is born here, the first included. */
export const hopLimit = 8;
const endsKept = 64;
const topicLimitBytes = 65_535;

/** A batch that is ready to go. */
export interface Packed {
  readonly number: number;
  readonly payload: Uint8Array;
  readonly first: Sequence;
  readonly last: Position;
  readonly records: number;
}

/** Records that are done with once everything before them is. */
export interface Skipped {
  readonly to: Sequence;
  readonly count: number;
}

/** The hops a record may still take, the coming one included; 0: it stays here. */
export const hopsOf = (record: MessageRecord): number => record.provenance?.hopsLeft ?? hopLimit;

/** The rule of a record that may go out; null: no link takes it, it has come far enough, or its topic gets too long. */
export function ruleFor(
  record: MessageRecord,
  rule: (record: MessageRecord) => OutgoingRule | null,
): OutgoingRule | null {
  if (hopsOf(record) === 0) return null;
  const found = rule(record);
  if (found === null) return null;
  const length = found.prefix.length + record.topic.length;
  if (length * 3 <= topicLimitBytes) return found;
  return Buffer.byteLength(found.prefix) + Buffer.byteLength(record.topic) <= topicLimitBytes ? found : null;
}

/** Packs what a cursor gives into the numbered batches of one session, in order, each of one epoch. */
export class Packer {
  readonly #course: Course;
  readonly #token: string;
  readonly #life: Epoch;
  readonly #rule: (record: MessageRecord) => OutgoingRule | null;
  /** The far end reads gaps that are told whole. */
  readonly #tellsGaps: boolean;
  readonly #items = new ItemWriter();
  readonly #start: Position;
  /** Where the last batches ended, more of them than can be under way. */
  #ends: Position[] = [];
  #place: Position;
  #number = 0;
  #epoch: Epoch | null = null;
  #first = sequence(0);
  #last = sequence(0);
  #records = 0;
  #ordinal: number;
  /** Closed batches, to be taken from the front. */
  readonly ready: Packed[] = [];
  /** What no link takes, in order. */
  readonly #skipped: Skipped[] = [];

  constructor(
    course: Course,
    token: string,
    life: Epoch,
    place: Position,
    rule: (record: MessageRecord) => OutgoingRule | null,
    tellsGaps = false,
  ) {
    this.#tellsGaps = tellsGaps;
    this.#course = course;
    this.#token = token;
    this.#life = life;
    this.#start = place;
    this.#place = place;
    this.#last = place.sequence;
    this.#ordinal = place.ordinal;
    this.#rule = rule;
  }

  /** Items in the batch that is still open. */
  get open(): number {
    return this.#items.count;
  }

  /** Everything below this is not in a batch of here any more: the first of the closed and the open ones. */
  get #firstUnsent(): number {
    const closed = this.ready[0];
    if (closed !== undefined) return closed.first;
    return this.#items.count > 0 ? this.#first : Number.POSITIVE_INFINITY;
  }

  add(items: readonly (MessageRecord | GapRecord)[]): void {
    for (const item of items) {
      if (item.kind === 'gap') this.#addGap(item);
      else this.#addRecord(item);
      if (this.#items.count >= batchRecords || this.#items.sizeBytes >= batchBytes) this.close();
    }
  }

  /** Makes a batch of what is there. */
  close(): void {
    if (this.#items.count === 0) return;
    const epoch = this.#epoch ?? (this.#place.epoch === noEpoch ? this.#life : this.#place.epoch);
    const last: Position = { epoch, sequence: this.#last, ordinal: this.#ordinal };
    const payload = this.#items.take();
    writeBatchHead(payload, this.#course, {
      token: this.#token,
      number: this.#number,
      previousEpoch: this.#place.epoch,
      previousSequence: this.#place.sequence,
      previousOrdinal: this.#place.ordinal,
      epoch,
      before: this.#first - 1,
      count: this.#items.count,
    });
    this.ready.push({ number: this.#number, payload, first: this.#first, last, records: this.#records });
    this.#number++;
    this.#place = last;
    this.#ends.push(last);
    if (this.#ends.length > endsKept) this.#ends.shift();
    this.#begin();
  }

  /** Of what the ring has dropped, some may have been packed before it was: that is no gap for the far end. */
  #addGap(gap: GapRecord): void {
    const count = gap.count - this.#packedSince(gap.from);
    if (count <= 0 || gap.to <= this.#last) return;
    this.#open(gap.to);
    const topics = count === gap.count ? gap.topics : [];
    this.#items.addGap({ ...gap, count, topics }, this.#tellsGaps);
    this.#ordinal += count;
    this.#last = gap.to;
  }

  /** Items of this session from `from` on; what was damaged begins behind them all. A ring drops from a settled place on, and those are ends of batches. */
  #packedSince(from: Sequence): number {
    if (from > this.#last) return 0;
    const before = this.#ends.findLast((end) => end.sequence < from) ?? this.#start;
    return this.#ordinal - before.ordinal;
  }

  #addRecord(record: MessageRecord): void {
    const rule = ruleFor(record, this.#rule);
    if (rule === null) {
      this.#skip(record.sequence);
      return;
    }
    if (this.#epoch !== null && this.#epoch !== record.epoch) this.close();
    this.#open(record.sequence);
    this.#epoch = record.epoch;
    this.#items.addRecord(record, rule, hopsOf(record));
    this.#ordinal++;
    this.#records++;
    this.#last = record.sequence;
  }

  #skip(to: Sequence): void {
    const last = this.#skipped.at(-1);
    if (last !== undefined && last.to > this.#last)
      this.#skipped[this.#skipped.length - 1] = { to, count: last.count + 1 };
    else this.#skipped.push({ to, count: 1 });
  }

  /** Takes out what no link takes and what nothing lies before any more: `underWay` is the first that does. */
  takeSkipped(underWay: number): Skipped {
    const limit = Math.min(underWay, this.#firstUnsent);
    let count = 0;
    let to = sequence(0);
    for (let next = this.#skipped[0]; next !== undefined && next.to < limit; next = this.#skipped[0]) {
      this.#skipped.shift();
      count += next.count;
      to = next.to;
    }
    return { to, count };
  }

  #open(first: Sequence): void {
    if (this.#items.count > 0) return;
    this.#first = first;
    this.#items.begin(first - 1);
  }

  #begin(): void {
    this.#epoch = null;
    this.#records = 0;
    this.#items.begin(0);
  }
}
