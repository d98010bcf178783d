import type { Epoch } from '#kernel';
import { pageBytes } from '#kernel';
import type { BatchHeader, BatchPlace } from './batch.ts';
import { batchHeaderBytes, padded, putUint48, sparseEntryBytes, viewOf } from './layout.ts';
import type { Batch } from './tail.ts';

/** Batches are closed at this length, so that a reader loads no more than it takes. */
const batchLimit = 128 * 1024;

export interface SparsePlace {
  readonly ringId: Uint8Array;
  readonly segmentBytes: number;
  /** The first sequence that it stands for. */
  readonly first: number;
  readonly ringTime: number;
  /** Room behind each batch's header for what an enciphered one needs. */
  readonly frontBytes: number;
  readonly seal: (bytes: Uint8Array, header: BatchHeader, place: BatchPlace) => void;
}

/** A batch that takes no more records. */
interface Closed {
  readonly start: number;
  readonly end: number;
  readonly first: number;
  readonly last: number;
  readonly epoch: Epoch;
}

/** Where a writer stands, to go back there. */
interface Mark {
  readonly closed: readonly Closed[];
  readonly start: number;
  readonly at: number;
  readonly covered: number;
  readonly epoch: Epoch | null;
  readonly records: number;
}

/**
 * Builds a compacted segment in memory. Each of its batches stands for all sequences from the one before it on, so that
 * what is missing is known to be left out and not damaged; records of different boots are in different batches.
 */
export class SparseWriter {
  readonly bytes: Buffer;
  readonly #view: DataView;
  readonly #place: SparsePlace;
  /** Where the open batch begins. */
  #start = pageBytes;
  #at: number;
  /** The next sequence that no batch stands for yet. */
  #covered: number;
  #epoch: Epoch | null = null;
  #records = 0;
  #closed: Closed[] = [];

  constructor(place: SparsePlace) {
    this.#place = place;
    this.#covered = place.first;
    this.#at = this.#recordsFrom(pageBytes);
    this.bytes = Buffer.alloc(place.segmentBytes);
    this.#view = viewOf(this.bytes);
  }

  get records(): number {
    return this.#records;
  }

  /** False when it does not fit. */
  add(batch: Batch, at: number, sequence: number, length: number): boolean {
    const size = sparseEntryBytes + length;
    const closes = this.#epoch !== null && (batch.epoch !== this.#epoch || this.#at - this.#start + size > batchLimit);
    const start = closes ? this.#start + padded(this.#at - this.#start) : this.#start;
    const from = closes ? this.#recordsFrom(start) : this.#at;
    if (start + padded(from - start + size) > this.bytes.length) return false;
    if (closes) this.#close(sequence - 1);
    this.#epoch = batch.epoch;
    putUint48(this.#view, this.#at, sequence);
    this.#view.setUint16(this.#at + 6, 0, true);
    batch.bytes.copy(this.bytes, this.#at + sparseEntryBytes, at, at + length);
    this.#at += size;
    this.#records++;
    return true;
  }

  /** So that what is added from here on can be taken back. */
  mark(): Mark {
    const closed = [...this.#closed];
    return {
      closed,
      start: this.#start,
      at: this.#at,
      covered: this.#covered,
      epoch: this.#epoch,
      records: this.#records,
    };
  }

  bytesSince({ at }: Mark): number {
    return this.#at - at;
  }

  goBack({ closed, start, at, covered, epoch, records }: Mark): void {
    const end = Math.min(this.bytes.length, this.#at + pageBytes);
    this.#closed = [...closed];
    this.#start = start;
    this.#at = at;
    this.#covered = covered;
    this.#epoch = epoch;
    this.#records = records;
    this.bytes.fill(0, at, end);
  }

  /** Closes the last batch, which stands for all up to `last`, and seals all; returns where the segment ends. */
  finish(last: number, segment: number): number {
    this.#close(last);
    const { ringId, ringTime, seal } = this.#place;
    for (const { start, end, first, last: to, epoch } of this.#closed) {
      const length = end - start;
      const header = { length, count: to - first + 1, tallied: 0, first, epoch, ringTime, sparse: true };
      seal(this.bytes.subarray(start, end), header, { ringId, segment, offset: start });
    }
    return this.#start;
  }

  #recordsFrom(start: number): number {
    return start + batchHeaderBytes + this.#place.frontBytes;
  }

  #close(last: number): void {
    const epoch = this.#epoch ?? ('0'.repeat(24) as Epoch);
    this.#closed.push({ start: this.#start, end: this.#at, first: this.#covered, last, epoch });
    this.#start += padded(this.#at - this.#start);
    this.#at = this.#recordsFrom(this.#start);
    this.#covered = last + 1;
    this.#epoch = null;
  }
}
