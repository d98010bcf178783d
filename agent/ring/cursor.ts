import type { PublicKey, Sequence } from '#kernel';
import { assert } from '#kernel';
import { type Expired, expiredIn } from './expired.ts';
import type { Floors } from './floors.ts';
import type { PendingGap } from './gaps.ts';
import { gapRecord, messageRecord } from './handed-out.ts';
import { type Fate, Keeper } from './keeper.ts';
import { getUint48, sparseEntryBytes, viewOf } from './layout.ts';
import type { Log } from './log.ts';
import { matchedUpTo } from './losses.ts';
import { Matcher } from './matcher.ts';
import { Overtaken } from './overtaken.ts';
import type { Position } from './position.ts';
import type { StoredProvenance, StoredRecord } from './record.ts';
import { readRecord, recordLength } from './record.ts';
import type { Segment } from './segment.ts';
import type { Batch } from './tail.ts';
import type { Cursor, CursorAccount, CursorKeeping, GapRecord, MessageRecord, Provenance } from './types.ts';
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
  readonly floors: Floors;
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
  readonly #matcher: Matcher;
  readonly #keeper: Keeper | null;
  #readTo: number;
  /** Changes whenever the read position is moved by something else than reading. */
  #moves = 0;
  #reading = false;
  #gapShown = false;
  /** A settle beyond what was read: records up to there are counted by reading them in silence. */
  #skim: { to: number; refused: number } | null = null;
  /** Such a reading that nobody's `read` waits for; the next one does. */
  #skimming: Promise<void> | null = null;
  #sweeping: Promise<void> | null = null;
  /** When the record behind that place expires: until then there is nothing to sweep. */
  #head = { at: -1, expiresAt: 0 };

  constructor(host: CursorHost, position: Position, keeping: CursorKeeping | undefined) {
    this.name = position.name;
    this.#host = host;
    this.#position = position;
    this.#matcher = new Matcher(position, (stored, key) => host.names(stored, key));
    this.#keeper = keeping === undefined ? null : new Keeper(keeping);
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
    return (this.#position.gaps.length > 0 && !this.#gapShown) || this.#mayMatch;
  }

  async read(maxRecords: number, maxBytes: number): Promise<readonly (MessageRecord | GapRecord)[]> {
    assert(!this.#reading, `two reads of cursor ${this.name} at once`);
    this.#reading = true;
    try {
      if (this.#skimming !== null) await this.#skimming;
      if (this.#sweeping !== null) await this.#sweeping;
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

  /** Whether its owner says that records grow too old. */
  get keeps(): boolean {
    return this.#keeper !== null;
  }

  /**
   * Settles what has expired at the settled place, while nothing is handed out: about `maxBytes` of it, so that others
   * get their turn. False: there is more.
   */
  async sweep(maxBytes: number): Promise<boolean> {
    if (this.#keeper === null || this.#sweeping !== null || this.#reading || !this.#mayExpire) return true;
    const sweeping = this.#sweepSome(this.#keeper, maxBytes);
    this.#sweeping = sweeping.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await sweeping;
    } finally {
      this.#sweeping = null;
      this.#walker.rest();
      if (this.#skim !== null && !this.#reading) this.#skimSoon();
    }
  }

  /** How far the cursor has read, for those who keep memory for it. */
  get readTo(): number {
    return this.#readTo;
  }

  get #mayExpire(): boolean {
    const { whole, ringTime } = this.#host;
    if (!whole || this.#position.removed || this.#skim !== null || this.#unsettled.ordinals > 0) return false;
    const known = this.#head.at === this.#position.settledTo && this.#head.expiresAt >= ringTime;
    return !known && this.#mayMatch;
  }

  async #sweepSome(keeper: Keeper, maxBytes: number): Promise<boolean> {
    const { durable } = this.#host;
    const moves = this.#moves;
    for (let left = maxBytes; left > 0; ) {
      const step = await this.#walker.next(this.#readTo, durable, (segment) => this.#isEmptyFor(segment));
      if (moves !== this.#moves || this.#unsettled.ordinals > 0) return true;
      if (step === null || step.kind === 'lost') return true;
      const expired = expiredIn(step.batch, this.#matcher, keeper, this.#readTo, durable, this.#host.ringTime);
      this.#expire(expired);
      if (expired.headExpiresAt !== null) {
        this.#head = { at: this.#position.settledTo, expiresAt: expired.headExpiresAt };
        return true;
      }
      left -= step.batch.end - step.batch.from;
    }
    return false;
  }

  /** What has expired is dropped where it stands; nothing behind it is handed out yet. */
  #expire({ gap, readTo, found }: Expired): void {
    const position = this.#position;
    this.#readTo = Math.max(this.#readTo, readTo);
    if (gap === null) return;
    position.drop(gap, found);
    this.#overtaken.dropped(this.#unsettled, gap.to, gap.count);
    this.#gapShown = false;
    this.#host.dirty(position);
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
    const { gaps: before } = position;
    const records = taken.records + this.#overtaken.settle(position, to);
    const said = Math.min(refused, records);
    position.settled += records - said;
    position.dropped.refused += said;
    for (const gap of taken.gaps) position.dropped[gap.reason] += gap.count;
    position.settledTo = Math.max(position.settledTo, to);
    this.#readTo = Math.max(this.#readTo, to);
    position.forgetOldFilters();
    if (records > 0 || taken.gaps.length > 0 || position.gaps !== before || valueChanged) this.#host.dirty(position);
  }

  #settleUnread(to: number, refused: number): void {
    const { skim } = { skim: this.#skim };
    this.#skim = { to: Math.max(skim?.to ?? 0, to), refused: (skim?.refused ?? 0) + refused };
    if (this.#reading || this.#skimming !== null || this.#sweeping !== null) return;
    this.#skimSoon();
  }

  #skimSoon(): void {
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
      if (this.#showGaps(out)) continue;
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

  /** What was dropped at the settled place comes first. */
  #showGaps(out: (MessageRecord | GapRecord)[]): boolean {
    const { gaps } = this.#position;
    const last = gaps.at(-1);
    if (last === undefined || this.#gapShown) return false;
    this.#gapShown = true;
    this.#overtaken.shown(last.to);
    for (const gap of gaps) out.push(gapRecord(gap));
    return true;
  }

  /** Hands out what matches in a batch; returns the bytes left. */
  #take(batch: Batch, out: (MessageRecord | GapRecord)[], maxRecords: number, maxBytes: number): number {
    const view = viewOf(batch.bytes);
    const now = this.#host.ringTime;
    let left = maxBytes;
    let sequence = batch.first;
    let at = batch.from;
    for (; out.length < maxRecords && left > 0; sequence++) {
      if (batch.sparse && at + sparseEntryBytes < batch.end) {
        sequence = getUint48(view, at);
        at += sparseEntryBytes;
      }
      const length = recordLength(view, at, batch.end);
      if (length === 0) {
        // All read. A header that counts more than there is must not bring us back here for ever.
        this.#readTo = Math.max(this.#readTo, batch.last);
        break;
      }
      if (sequence > this.#readTo) {
        const topic = this.#matcher.topicIfWanted(batch.bytes, view, at, sequence);
        const record = topic === null ? null : readRecord(batch.bytes, view, at, length);
        if (topic !== null && record !== null) {
          const fate = this.#fateOf(topic, sequence, record, now);
          if (fate === 'kept') {
            const provenance = record.provenance === null ? null : this.#host.full(record.provenance);
            out.push(messageRecord(record, topic, sequence, batch.epoch, now, provenance));
            this.#count(sequence);
          } else this.#leaveOut(out, topic, sequence, fate);
          left -= length;
        }
        this.#readTo = sequence;
      }
      at += length;
    }
    return left;
  }

  #fateOf(topic: string, sequence: number, { lane, born, body }: StoredRecord, now: number): Fate {
    if (sequence <= this.#host.floors.durable(lane)) return 'full';
    return this.#keeper?.fateOf(topic, born, body, now) ?? 'kept';
  }

  #pass(batch: Batch, to: number): void {
    for (const sequence of this.#matcher.matching(batch, this.#readTo, to)) this.#count(sequence);
    this.#readTo = Math.max(this.#readTo, Math.min(batch.last, to));
  }

  #count(sequence: number): void {
    this.#unsettled.push(sequence);
    this.#position.found(sequence, this.#unsettled.ordinals);
  }

  /** A record that is not handed out any more: a gap, or one more of the gap handed out last. */
  #leaveOut(out: (MessageRecord | GapRecord)[], topic: string, sequence: number, reason: Exclude<Fate, 'kept'>): void {
    const gap: PendingGap = { from: sequence, to: sequence, count: 1, reason, topics: [{ topic, count: 1 }] };
    const last = out.at(-1);
    const joins = last?.kind === 'gap' && this.#unsettled.joinGap(gap);
    if (joins) out[out.length - 1] = gapRecord(this.#unsettled.lastGap ?? gap);
    else {
      this.#unsettled.pushGap(gap);
      out.push(gapRecord(gap));
    }
    this.#position.found(sequence, this.#unsettled.ordinals);
  }

  async #passLost(lost: Lost): Promise<GapRecord | null> {
    const moves = this.#moves;
    const { segment } = lost;
    const matched = await matchedUpTo(this.#host, this.#position, this.#matcher, lost, this.#newWalker());
    if (moves !== this.#moves || !this.#host.log.isLive(segment)) return null;
    const count = Math.max(0, matched - this.#position.settledOrdinal - this.#unsettled.ordinals);
    const reason = segment.lost ?? 'damaged';
    this.#readTo = lost.to;
    if (count === 0 && segment.lost !== null) return null;
    const gap: PendingGap = { from: lost.from, to: lost.to, count, reason, topics: [] };
    this.#unsettled.pushGap(gap);
    return gapRecord(gap);
  }

  /** A segment in which nothing matched: not read at all. The newest one may still get something. */
  #isEmptyFor(segment: Segment): boolean {
    if (segment === this.#host.log.active || segment.first <= this.#position.discoverTo) return false;
    return !segment.matches.has(this.#position.id);
  }
}
