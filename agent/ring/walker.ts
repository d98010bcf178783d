import { pageBytes } from '#kernel';
import { type BatchHeader, batchIsWhole, peekBatch } from './batch.ts';
import { padded } from './layout.ts';
import type { Log } from './log.ts';
import type { Segment } from './segment.ts';
import type { Batch } from './tail.ts';
import type { Unwrapped } from './wrapping.ts';

const chunkBytes = 256 * 1024;
/** More chunks than this of one read are left to the garbage collector. */
const lentLimit = 8;
const noBytes = Buffer.alloc(0);

/** A stretch of sequences that cannot be read any more. */
export interface Lost {
  readonly kind: 'lost';
  readonly from: number;
  readonly to: number;
  readonly segment: Segment;
}

export type Step = { readonly kind: 'batch'; readonly batch: Batch } | Lost;

/** Told of records that should be in the segment at the offset, and are not. */
export type OnDamage = (segment: Segment, offset: number, from: number, to: number) => void;

/**
 * Goes through the durable batches in order: from memory where they still are, else from the disk in large reads.
 * Sequences are dense within a segment, so what is missing between two batches was damaged.
 */
export class Walker {
  readonly #log: Log;
  readonly #damage: OnDamage;
  #segment: Segment | null = null;
  #offset = 0;
  /** Everything before `#offset` ends at or before this sequence. */
  #behind = 0;
  /** The batch that was read last: its reader may take it in several turns. */
  #current: Batch | null = null;
  #chunk: Buffer = noBytes;
  /** How much of the chunk was read. */
  #chunkBytes = 0;
  #chunkOffset = 0;
  #chunkSegment: Segment | null = null;
  /** Chunks of batches that were handed out, which are not in use here any more. */
  #lent: Buffer[] = [];

  constructor(log: Log, damage: OnDamage) {
    this.#log = log;
    this.#damage = damage;
  }

  /** The batch that holds the first live sequence after `after` (up to `upTo`), or what was lost there; null at the end. */
  async next(after: number, upTo: number, skip: (segment: Segment) => boolean = never): Promise<Step | null> {
    for (let from = after; from < upTo; ) {
      const recent = this.#log.tail.find(from + 1);
      if (recent !== undefined) {
        this.release();
        return { kind: 'batch', batch: recent };
      }
      const segment = this.#log.segmentAfter(from);
      if (segment === undefined || segment.first > upTo) return null;
      from = Math.max(from, segment.first - 1);
      if (skip(segment)) {
        from = segment.last;
        continue;
      }
      if (segment.lost !== null) return { kind: 'lost', from: from + 1, to: segment.last, segment };
      const { changes } = this.#log;
      const step = await this.#inSegment(segment, from);
      // Asked anew only when segments have changed meanwhile: each turn has a reason, so this ends.
      if (this.#log.isLive(segment) || this.#log.changes === changes) return step;
      this.release();
    }
    return null;
  }

  /** Begins anew; the memory of what was handed out stays as it is. */
  release(): void {
    this.#lend();
    this.#segment = null;
    this.#current = null;
  }

  /** Nobody uses batches that were handed out, but for the one that is read next again: their memory is used anew. */
  reuse(): void {
    for (const chunk of this.#lent) this.#log.readBuffers.giveBack(chunk);
    this.#lent = [];
  }

  /** Nothing more is read for a while: keeps no memory. What was handed out stays as it is as long as somebody has it. */
  rest(): void {
    this.release();
    this.#lent = [];
  }

  #lend(): void {
    if (this.#chunk.length > 0 && this.#lent.length < lentLimit) this.#lent.push(this.#chunk);
    this.#chunk = noBytes;
    this.#chunkBytes = 0;
    this.#chunkSegment = null;
  }

  async #inSegment(segment: Segment, after: number): Promise<Step> {
    const current = this.#current;
    if (this.#segment === segment && current !== null && after + 1 >= current.first && after < current.last)
      return { kind: 'batch', batch: current };
    if (this.#segment !== segment || this.#behind > after) {
      this.#segment = segment;
      this.#offset = pageBytes;
      this.#current = null;
      this.#behind = segment.first - 1;
    }
    let broken = this.#offset;
    while (this.#offset < segment.end) {
      const header = await this.#batchAt(segment, this.#offset);
      if (header === null) {
        this.#offset += pageBytes;
        continue;
      }
      const last = header.first + header.count - 1;
      if (last > after && header.first > after + 1) return this.#lost(segment, broken, after + 1, header.first - 1);
      const at = this.#offset - this.#chunkOffset;
      this.#offset += padded(header.length);
      broken = this.#offset;
      this.#behind = Math.max(this.#behind, last);
      if (last <= after) continue;
      const plain = this.#log.wrapping.unwrap(this.#chunk, at, header);
      if (plain === null) return this.#lost(segment, this.#offset - padded(header.length), after + 1, last);
      this.#current = batchOf(header, plain);
      return { kind: 'batch', batch: this.#current };
    }
    return this.#lost(segment, broken, after + 1, segment.last);
  }

  #lost(segment: Segment, offset: number, from: number, to: number): Lost {
    if (this.#log.isLive(segment)) this.#damage(segment, offset, from, to);
    return { kind: 'lost', from, to, segment };
  }

  /** The whole batch at `offset`, with its bytes in the chunk; null when there is none. */
  async #batchAt(segment: Segment, offset: number): Promise<BatchHeader | null> {
    const place = { ringId: this.#log.ringId, segment: segment.id, offset };
    await this.#load(segment, offset, pageBytes);
    const header = peekBatch(this.#chunk.subarray(0, this.#chunkBytes), offset - this.#chunkOffset, place);
    if (header === null || offset + header.length > segment.end) return null;
    await this.#load(segment, offset, header.length);
    return batchIsWhole(this.#chunk, offset - this.#chunkOffset, header.length) ? header : null;
  }

  async #load(segment: Segment, offset: number, length: number): Promise<void> {
    const known = this.#chunkSegment === segment && offset >= this.#chunkOffset;
    if (known && offset + length <= this.#chunkOffset + this.#chunkBytes) return;
    const wanted = Math.min(Math.max(padded(length), chunkBytes), segment.end - offset);
    const chunk = this.#log.readBuffers.take(wanted);
    await readAll(this.#log, segment, offset, chunk.subarray(0, wanted));
    this.#lend();
    this.#chunk = chunk;
    this.#chunkBytes = wanted;
    this.#chunkOffset = offset;
    this.#chunkSegment = segment;
  }
}

const never = (): boolean => false;

const batchOf = ({ first, count, epoch, sparse, tallied }: BatchHeader, plain: Unwrapped): Batch => ({
  ...plain,
  first,
  last: first + count - 1,
  epoch,
  sparse,
  tallied,
});

async function readAll(log: Log, segment: Segment, offset: number, into: Buffer): Promise<void> {
  const start = segment.slot * log.geometry.segmentBytes + offset;
  into.fill(0, await log.file.read(into, start));
}
