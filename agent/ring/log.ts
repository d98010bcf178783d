import type { DiskFile, Log as Journal } from '#kernel';
import { AgentError, messageOf, pageBytes } from '#kernel';
import { type BatchHeader, sealBatch } from './batch.ts';
import { type Geometry, padded } from './layout.ts';
import { ReadBuffers } from './read-buffers.ts';
import { encodeSegmentHeader, type Segment } from './segment.ts';
import { Slots } from './slots.ts';
import { Tail } from './tail.ts';
import type { Wrapping } from './wrapping.ts';

const zeroPieceBytes = 256 * 1024;

/** What recovery found in the file. */
export interface LogContent {
  readonly segments: Segment[];
  readonly freeSlots: number[];
  /** What the older checkpoint names and the newer one has compacted. */
  readonly retiredSlots: readonly number[];
  /** Slots that the file has room for, whole or begun. */
  readonly begunSlots: number;
  readonly zeroedBytes: number;
  /** The key that the newest segment's header names. */
  readonly activeKey: string | null;
}

/**
 * The file of segments: where batches go, which slots are free, zeros written ahead. One write at a time. A segment
 * whose sync failed gets no further batch; the next segment begins with the batch that failed.
 */
export class Log {
  readonly geometry: Geometry;
  readonly ringId: Uint8Array;
  readonly file: DiskFile;
  readonly segments: Segment[];
  readonly tail: Tail;
  readonly readBuffers = new ReadBuffers();
  readonly wrapping: Wrapping;
  /** Zeros not counted: those are written once in the file's life. */
  bytesWritten = 0;
  zeroesWritten = 0;
  readonly #slots: Slots;
  readonly #journal: Journal;
  #zeroedBytes: number;
  #zeroing: Promise<void> | null = null;
  #truncating: Promise<void> | null = null;
  /** The key that the newest segment's header names. */
  #activeKey: string | null;
  /** A sync failed in the newest segment: nothing more goes there. */
  #abandoned = false;
  #nextSegment: number;
  /** Segments begun, freed or replaced since the start. */
  changes = 0;
  /** Replacements by compacted segments. */
  swaps: number;
  #retired: { readonly slot: number; readonly swap: number }[];

  constructor(
    geometry: Geometry,
    ringId: Uint8Array,
    file: DiskFile,
    content: LogContent,
    nextSegment: number,
    journal: Journal,
    wrapping: Wrapping,
  ) {
    this.wrapping = wrapping;
    this.geometry = geometry;
    this.ringId = ringId;
    this.file = file;
    this.segments = content.segments;
    this.#slots = new Slots(geometry, content);
    this.#activeKey = content.activeKey;
    this.#zeroedBytes = content.zeroedBytes;
    this.#nextSegment = nextSegment;
    this.swaps = content.retiredSlots.length > 0 ? 1 : 0;
    this.#retired = content.retiredSlots.map((slot) => ({ slot, swap: 1 }));
    this.#journal = journal;
    this.tail = new Tail(Math.min(geometry.segmentBytes, 1024 * 1024));
  }

  get active(): Segment | undefined {
    return this.segments.at(-1);
  }

  /** All bytes since the start, zeros too. */
  get written(): number {
    return this.bytesWritten + this.zeroesWritten;
  }

  get freeSlots(): number {
    return this.#slots.free;
  }

  get usedBytes(): number {
    let used = 0;
    for (const segment of this.segments) {
      // Of a lost segment only the account is left.
      if (segment.slot >= 0) used += segment === this.active ? segment.end : this.geometry.segmentBytes;
    }
    return used + this.#retired.length * this.geometry.segmentBytes;
  }

  /** True when a batch of that length goes behind the last one. */
  fitsActive(length: number): boolean {
    const { active } = this;
    if (active === undefined || active.slot < 0 || this.#abandoned) return false;
    // One key a segment: with another one, or none, the next is begun.
    if (this.#activeKey !== this.wrapping.keyId) return false;
    return active.end + padded(length) <= this.geometry.segmentBytes;
  }

  /** Whether messages may make a batch this long, so that the reserve stays. */
  admits(length: number): boolean {
    const { reserveSlots } = this.geometry;
    return this.freeSlots > reserveSlots || (this.freeSlots === reserveSlots && this.fitsActive(length));
  }

  /** The first live segment that holds something after `sequence`. */
  segmentAfter(sequence: number): Segment | undefined {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.segments[middle] as Segment).last > sequence) high = middle;
      else low = middle + 1;
    }
    return this.segments[low];
  }

  isLive(segment: Segment): boolean {
    return this.segmentAfter(segment.last - 1) === segment;
  }

  free(segment: Segment): void {
    const index = this.segments.indexOf(segment);
    if (index < 0) return;
    this.segments.splice(index, 1);
    this.changes++;
    this.#freeSlot(segment.slot);
  }

  /** A slot for a compacted segment; null when that would touch the reserve. It is zeroed before it is written to. */
  takeSpareSlot(): number | null {
    return this.freeSlots > this.geometry.reserveSlots ? this.#slots.take() : null;
  }

  giveBack(slot: number): void {
    this.#freeSlot(slot);
  }

  /** Writes a piece of a compacted segment, durably. The caller sees to it that no commit is under way. */
  async writePiece(slot: number, offset: number, bytes: Uint8Array): Promise<void> {
    await this.#zero((slot + 1) * this.geometry.segmentBytes);
    await this.file.writeDurably(bytes, slot * this.geometry.segmentBytes + offset);
    this.bytesWritten += bytes.length;
  }

  /** What `writePiece` wrote is whole: the zeros before and behind it, and the file's length, are durable with it. */
  async finishPieces(): Promise<void> {
    await this.file.sync();
  }

  /** A compacted segment takes the place of those. Their slots stay as they are until both checkpoints list it. */
  replace(sources: readonly Segment[], compacted: Segment): void {
    const at = this.segments.indexOf(sources[0] as Segment);
    this.segments.splice(at, sources.length, compacted);
    // What memory has of them may be left out there.
    this.tail.forget(compacted.last);
    this.changes++;
    this.swaps++;
    for (const { slot } of sources) this.#retired.push({ slot, swap: this.swaps });
  }

  /** Slots of segments that compacted ones have replaced, and a checkpoint may still name. */
  get retiredSlots(): number {
    return this.#retired.length;
  }

  /** Both checkpoints have seen so many replacements. */
  freeRetired(swaps: number): void {
    const done = this.#retired.filter(({ swap }) => swap <= swaps);
    if (done.length === 0) return;
    this.#retired = this.#retired.filter(({ swap }) => swap > swaps);
    this.changes++;
    for (const { slot } of done) this.#freeSlot(slot);
  }

  #freeSlot(slot: number): void {
    if (slot < 0) return;
    this.#slots.giveBack(slot);
    this.shrink();
  }

  /**
   * Writes and syncs one batch; returns the segment it is in. `bytes` holds the records after the header's place, and
   * room for the padding. Throws `ring/full` when there is no slot, or the disk's error: then nothing is durable and
   * the same batch is to be written again.
   */
  async write(bytes: Buffer, header: BatchHeader): Promise<Segment> {
    const wrapped = this.wrapping.wrap(bytes, header);
    const size = (wrapped?.header ?? header).length;
    const length = padded(size);
    const segment = this.fitsActive(size) ? (this.active as Segment) : this.#openSegment(header);
    const start = segment.slot * this.geometry.segmentBytes;
    await this.#zero(start + segment.end + length);
    const place = { ringId: this.ringId, segment: segment.id, offset: segment.end };
    const coded = wrapped === null ? bytes : this.readBuffers.take(length);
    if (wrapped === null) sealBatch(bytes, header, place);
    else this.wrapping.seal(wrapped, header.length, place, coded);
    coded.fill(0, size, length);
    await this.#commit(segment, start, coded.subarray(0, length));
    if (wrapped !== null) this.readBuffers.giveBack(coded);
    this.bytesWritten += length;
    segment.end += length;
    segment.last = header.first + header.count - 1;
    this.zeroAhead();
    return segment;
  }

  /** Writes and syncs a batch again where it lies. */
  async rewrite(segment: Segment, offset: number, bytes: Uint8Array): Promise<void> {
    await this.file.write(bytes, segment.slot * this.geometry.segmentBytes + offset);
    await this.file.sync();
    this.bytesWritten += bytes.length;
  }

  /** Gives the file's end back to the file system, once nothing lies behind the configured size. */
  shrink(): void {
    const { slots, segmentBytes } = this.geometry;
    if (!this.#slots.cut()) return;
    this.#zeroedBytes = Math.min(this.#zeroedBytes, slots * segmentBytes);
    this.#truncating = this.file.truncate(slots * segmentBytes).then(
      () => this.#journal.info('ring-shrunk', { sizeBytes: slots * segmentBytes }),
      (error) => this.#journal.warn('ring-shrink-refused', { why: messageOf(error) }),
    );
  }

  /** More is held than the configured size has room for: it shrinks as that is freed. */
  get shrinking(): boolean {
    return this.#slots.limit > this.geometry.slots;
  }

  /** Makes the next slot ready in the background, so that no commit waits for it. */
  zeroAhead(): void {
    const next = this.#slots.nextNew;
    if (next === null) return;
    this.#zero((next + 1) * this.geometry.segmentBytes).catch((error) => {
      this.#journal.debug('ring-zero-ahead', () => ({ error: messageOf(error) }));
    });
  }

  async close(): Promise<void> {
    await this.#zeroing?.catch(() => undefined);
    await this.#truncating;
    await this.file.close();
  }

  #openSegment(header: BatchHeader): Segment {
    const { active } = this;
    // A segment that holds nothing durable yet is begun anew in its place: no slot is lost to each failure.
    if (active !== undefined && active.end === pageBytes && active.slot >= 0) {
      this.#abandoned = false;
      this.#activeKey = this.wrapping.keyId;
      return active;
    }
    const slot = this.#slots.take();
    if (slot === null) throw new AgentError('ring/full', 'retry', 'ring: no free segment');
    const { first, ringTime } = header;
    const segment = {
      id: this.#nextSegment++,
      slot,
      first,
      last: first - 1,
      end: pageBytes,
      matches: new Map(),
      laneBytes: [0, 0, 0],
      born: ringTime,
      lost: null,
      sparse: false,
    };
    this.segments.push(segment);
    this.changes++;
    this.#activeKey = this.wrapping.keyId;
    this.#abandoned = false;
    return segment;
  }

  async #writeHeader(segment: Segment, start: number): Promise<void> {
    const { id, first, slot } = segment;
    const page = encodeSegmentHeader({
      ringId: this.ringId,
      id,
      first,
      segmentBytes: this.geometry.segmentBytes,
      slot,
      sparse: false,
      keyId: this.wrapping.keyId,
    });
    await this.file.write(page, start);
    this.bytesWritten += pageBytes;
  }

  /** The first batch of a segment is synced together with the header and the zeros; each further one by itself. */
  async #commit(segment: Segment, start: number, batch: Uint8Array): Promise<void> {
    if (segment.end > pageBytes) return this.#trusted(segment, this.file.writeDurably(batch, start + segment.end));
    await this.#writeHeader(segment, start);
    await this.file.write(batch, start + segment.end);
    await this.#trusted(segment, this.file.sync());
  }

  /** After a failure nothing more goes into the segment: nobody knows what its pages hold. */
  async #trusted(segment: Segment, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#abandoned = segment.end > pageBytes;
      throw error;
    }
  }

  /** Zeros are written up to there, in pieces, one caller's after the other's. */
  async #zero(upTo: number): Promise<void> {
    while (this.#zeroedBytes < upTo) {
      this.#zeroing ??= this.#zeroPiece().finally(() => {
        this.#zeroing = null;
      });
      await this.#zeroing;
    }
  }

  async #zeroPiece(): Promise<void> {
    const { segmentBytes } = this.geometry;
    const slotEnd = (Math.floor(this.#zeroedBytes / segmentBytes) + 1) * segmentBytes;
    const length = Math.min(zeroPieceBytes, slotEnd - this.#zeroedBytes);
    await this.file.write(zeros.subarray(0, length), this.#zeroedBytes);
    this.#zeroedBytes += length;
    this.zeroesWritten += length;
  }
}

const zeros = new Uint8Array(zeroPieceBytes);
