import type { Duration, Epoch, PublicKey, Sequence } from '#kernel';
import { assert } from '#kernel';
import { viewOf } from './layout.ts';
import type { Log } from './log.ts';
import { Overtaken } from './overtaken.ts';
import type { Position } from './position.ts';
import type { StoredProvenance } from './record.ts';
import { NameReader, provenanceOf, readRecord, recordKind, recordLength, type StoredRecord } from './record.ts';
import type { Segment } from './segment.ts';
import type { Batch } from './tail.ts';
import type { Cursor, CursorAccount, GapRecord, MessageRecord, Provenance } from './types.ts';
import { Unsettled } from './unsettled.ts';
import type { OnDamage } from './walker.ts';
import { type Lost, Walker } from './walker.ts';

const valueLimitBytes = 4096;

/** What a cursor needs of the ring. */
export interface CursorHost {
  readonly log: Log;
  readonly durable: number;
  /** False after a start until what was found is durable: nothing is read before, for the counts know the end already. */
  readonly whole: boolean;
  readonly ringTime: number;
  readonly damage: OnDamage;
  full(stored: StoredProvenance): Provenance | null;
  names(stored: StoredProvenance, key: PublicKey): boolean;
  /** The cursor's settled state changed: it is to be written. */
  dirty(position: Position): void;
  redefine(position: Position, filters: readonly string[]): Sequence;
  remove(position: Position): Sequence;
}

/** One reader's place in the ring, opened. */
export class OpenCursor implements Cursor {
  readonly name: string;
  readonly #host: CursorHost;
  readonly #position: Position;
  readonly #walker: Walker;
  readonly #unsettled = new Unsettled();
  readonly #overtaken = new Overtaken();
  readonly #topics = new NameReader();
  #readTo: number;
  /** Changes whenever the read position is moved by something else than reading. */
  #moves = 0;
  #reading = false;
  #gapShown = false;
  /** A settle beyond what was read: records up to there are counted by reading them in silence. */
  #skim: { to: number; refused: number } | null = null;
  /** Such a reading that nobody's `read` waits for; the next one does. */
  #skimming: Promise<void> | null = null;

  constructor(host: CursorHost, position: Position) {
    this.name = position.name;
    this.#host = host;
    this.#position = position;
    this.#walker = this.#newWalker();
    this.#readTo = position.settledTo;
  }

  get position(): Sequence {
    return this.#position.settledTo as Sequence;
  }

  get account(): CursorAccount {
    return this.#position.account;
  }

  get settledOrdinal(): number {
    return this.#position.settledOrdinal;
  }

  get value(): Uint8Array | null {
    return this.#position.value;
  }

  get readable(): boolean {
    if (!this.#host.whole || this.#unsettled.full || this.#position.removed) return false;
    return (this.#position.gap !== null && !this.#gapShown) || this.#mayMatch;
  }

  async read(maxRecords: number, maxBytes: number): Promise<readonly (MessageRecord | GapRecord)[]> {
    assert(!this.#reading, `two reads of cursor ${this.name} at once`);
    this.#reading = true;
    try {
      if (this.#skimming !== null) await this.#skimming;
      this.#walker.reuse();
      if (this.#skim !== null) await this.#skimThrough();
      return await this.#fill(maxRecords, maxBytes);
    } finally {
      this.#reading = false;
      if (!this.#mayMatch) this.#walker.rest();
    }
  }

  rewind(): void {
    this.#moves++;
    this.#readTo = this.#position.settledTo;
    this.#unsettled.clear();
    this.#overtaken.clear();
    this.#gapShown = false;
    this.#walker.release();
  }

  settle(to: Sequence, refused = 0, value?: Uint8Array): void {
    const position = this.#position;
    if (position.removed) return;
    if (value !== undefined) this.#setValue(value);
    const end = Math.min(to, this.#host.durable);
    if (end > this.#readTo && this.#mayMatch) this.#settleUnread(end, refused);
    else this.#settleRead(end, refused, value !== undefined);
  }

  setFilters(filters: readonly string[]): Sequence {
    return this.#host.redefine(this.#position, filters);
  }

  remove(): Sequence {
    this.#moves++;
    this.#walker.rest();
    return this.#host.remove(this.#position);
  }

  /** Records up to `to` are gone, and the account says so already: a gap stands in their place. */
  dropped(to: number, count: number): void {
    this.#moves++;
    this.#overtaken.dropped(this.#unsettled, to, count);
    this.#readTo = Math.max(this.#readTo, to);
    this.#gapShown = false;
  }

  /** How far the cursor has read, for those who keep memory for it. */
  get readTo(): number {
    return this.#readTo;
  }

  get #mayMatch(): boolean {
    if (this.#readTo >= this.#host.durable) return false;
    const { matched, settledOrdinal, discoverTo } = this.#position;
    return matched > settledOrdinal + this.#unsettled.ordinals || this.#readTo < discoverTo;
  }

  #newWalker(): Walker {
    return new Walker(this.#host.log, (...found) => this.#host.damage(...found));
  }

  #setValue(value: Uint8Array): void {
    assert(value.length <= valueLimitBytes, `value of cursor ${this.name} has ${value.length} bytes`);
    this.#position.value = Uint8Array.prototype.slice.call(value);
  }

  #settleRead(to: number, refused: number, valueChanged: boolean): void {
    const position = this.#position;
    const taken = this.#unsettled.take(to);
    const { gap: before } = position;
    const records = taken.records + this.#overtaken.settle(position, to);
    const said = Math.min(refused, records);
    position.settled += records - said;
    position.dropped.refused += said;
    for (const gap of taken.gaps) position.dropped[gap.reason] += gap.count;
    position.settledTo = Math.max(position.settledTo, to);
    this.#readTo = Math.max(this.#readTo, to);
    position.forgetOldFilters();
    if (records > 0 || taken.gaps.length > 0 || position.gap !== before || valueChanged) this.#host.dirty(position);
  }

  #settleUnread(to: number, refused: number): void {
    const { skim } = { skim: this.#skim };
    this.#skim = { to: Math.max(skim?.to ?? 0, to), refused: (skim?.refused ?? 0) + refused };
    if (this.#reading || this.#skimming !== null) return;
    this.#skimming = this.#skimThrough()
      .catch(() => undefined)
      .finally(() => {
        this.#skimming = null;
      });
  }

  /** Reads up to the wanted place without handing anything out, then settles there. */
  async #skimThrough(): Promise<void> {
    while (this.#skim !== null) {
      const { to, refused } = this.#skim;
      while (this.#readTo < to && this.#mayMatch) {
        const step = await this.#walker.next(this.#readTo, to, (segment) => this.#isEmptyFor(segment));
        if (step === null) break;
        if (step.kind === 'lost') await this.#passLost(step);
        else this.#pass(step.batch, to);
        if (this.#unsettled.full) this.#settleRead(this.#readTo, 0, false);
      }
      this.#settleRead(to, refused, false);
      if (this.#skim.to === to) this.#skim = null;
    }
  }

  async #fill(maxRecords: number, maxBytes: number): Promise<(MessageRecord | GapRecord)[]> {
    const out: (MessageRecord | GapRecord)[] = [];
    let left = maxBytes;
    while (out.length < maxRecords && left > 0 && this.readable) {
      const { gap } = this.#position;
      if (gap !== null && !this.#gapShown) {
        this.#gapShown = true;
        this.#overtaken.shown(gap);
        out.push(gapRecord(gap.from, gap.to, gap.count, 'full'));
        continue;
      }
      const moves = this.#moves;
      const { durable } = this.#host;
      const step = await this.#walker.next(this.#readTo, durable, (segment) => this.#isEmptyFor(segment));
      if (moves !== this.#moves) {
        if (out.length > 0) return out;
        continue;
      }
      if (step === null) {
        // Nothing more is there, whatever the counts say: who reads while `readable` comes to an end.
        this.#readTo = Math.max(this.#readTo, durable);
        continue;
      }
      if (step.kind === 'lost') {
        const lost = await this.#passLost(step);
        if (lost !== null) out.push(lost);
      } else left = this.#take(step.batch, out, maxRecords, left);
    }
    if (!this.#mayMatch) this.#readTo = Math.max(this.#readTo, this.#host.durable);
    return out;
  }

  /** Hands out what matches in a batch; returns the bytes left. */
  #take(batch: Batch, out: (MessageRecord | GapRecord)[], maxRecords: number, maxBytes: number): number {
    const view = viewOf(batch.bytes);
    const now = this.#host.ringTime;
    let left = maxBytes;
    let sequence = batch.first;
    let at = batch.from;
    for (; out.length < maxRecords && left > 0; sequence++) {
      const length = recordLength(view, at, batch.end);
      if (length === 0) {
        // All read. A header that counts more than there is must not bring us back here for ever.
        this.#readTo = Math.max(this.#readTo, batch.last);
        break;
      }
      if (sequence > this.#readTo) {
        const topic = this.#topicIfWanted(batch.bytes, view, at, sequence);
        const record = topic === null ? null : readRecord(batch.bytes, view, at, length);
        if (topic !== null && record !== null) {
          out.push(this.#message(record, topic, sequence, batch.epoch, now));
          this.#count(sequence);
          left -= length;
        }
        this.#readTo = sequence;
      }
      at += length;
    }
    return left;
  }

  #pass(batch: Batch, to: number): void {
    for (const sequence of this.#matching(batch, this.#readTo, to)) this.#count(sequence);
    this.#readTo = Math.max(this.#readTo, Math.min(batch.last, to));
  }

  #count(sequence: number): void {
    this.#unsettled.push(sequence);
    const position = this.#position;
    const ordinal = position.settledOrdinal + this.#unsettled.ordinals;
    if (sequence <= position.discoverTo && ordinal > position.discovered) position.discovered = ordinal;
  }

  /** Counts what was lost there exactly: what the segment had for this cursor, less what can still be read of it. */
  async #passLost(lost: Lost): Promise<GapRecord | null> {
    const moves = this.#moves;
    const { segment } = lost;
    let found = 0;
    if (lost.to < segment.last) found = await this.#countMatches(segment, lost.to);
    if (moves !== this.#moves || !this.#host.log.isLive(segment)) return null;
    const read = this.#position.settledOrdinal + this.#unsettled.ordinals;
    const count = Math.max(0, matchedThrough(this.#host.log, this.#position, segment) - read - found);
    const reason = segment.lost ?? 'damaged';
    this.#readTo = lost.to;
    if (count === 0 && segment.lost !== null) return null;
    this.#unsettled.pushGap({ to: lost.to, count, reason });
    return gapRecord(lost.from, lost.to, count, reason);
  }

  async #countMatches(segment: Segment, after: number): Promise<number> {
    const walker = this.#newWalker();
    let found = 0;
    for (let at = after; at < segment.last; ) {
      const step = await walker.next(at, segment.last);
      if (step === null) break;
      if (step.kind === 'batch') for (const _ of this.#matching(step.batch, at, segment.last)) found++;
      at = step.kind === 'lost' ? step.to : step.batch.last;
    }
    walker.release();
    walker.reuse();
    return found;
  }

  *#matching(batch: Batch, after: number, to: number): Generator<number> {
    const view = viewOf(batch.bytes);
    let sequence = batch.first;
    for (let at = batch.from; at < batch.end && sequence <= to; sequence++) {
      const length = recordLength(view, at, batch.end);
      if (length === 0) return;
      if (sequence > after && this.#topicIfWanted(batch.bytes, view, at, sequence) !== null) yield sequence;
      at += length;
    }
  }

  /** Looks at no more of a record than is needed to say no. */
  #topicIfWanted(bytes: Buffer, view: DataView, at: number, sequence: number): string | null {
    if (view.getUint8(at + 4) !== recordKind.message) return null;
    const { except } = this.#position;
    if (except !== null) {
      const provenance = provenanceOf(view, at);
      if (provenance !== null && this.#host.names(provenance, except)) return null;
    }
    const topic = this.#topics.of(bytes, view, at);
    return this.#position.wants(topic, sequence) ? topic : null;
  }

  #message(record: StoredRecord, topic: string, sequence: number, epoch: Epoch, now: number): MessageRecord {
    const { lane, qos, retain, latest, body } = record;
    return {
      kind: 'message',
      sequence: sequence as Sequence,
      epoch,
      topic,
      lane,
      qos,
      retain,
      latest,
      body,
      provenance: record.provenance === null ? null : this.#host.full(record.provenance),
      age: Math.max(0, now - record.born) as Duration,
    };
  }

  /** A segment in which nothing matched: not read at all. The newest one may still get something. */
  #isEmptyFor(segment: Segment): boolean {
    if (segment === this.#host.log.active || segment.first <= this.#position.discoverTo) return false;
    return !segment.matches.has(this.#position.id);
  }
}

/** How many records had matched up to the end of a segment. */
export function matchedThrough(log: Log, position: Position, segment: Segment): number {
  let later = 0;
  for (let index = log.segments.length - 1; index >= 0; index--) {
    const other = log.segments[index] as Segment;
    if (other.id <= segment.id) break;
    later += other.matches.get(position.id) ?? 0;
  }
  return position.matched - later;
}

const gapRecord = (from: number, to: number, count: number, reason: GapRecord['reason']): GapRecord => ({
  kind: 'gap',
  from: from as Sequence,
  to: to as Sequence,
  count,
  reason,
});
