import { crc32 } from 'node:zlib';
import type { Epoch } from '#kernel';
import { epochBytes, epochOf } from './epoch.ts';
import { batchHeaderBytes, coat, getUint48, putUint48, tallyEntryBytes, viewOf } from './layout.ts';
import type { Tallied } from './tally.ts';

const magic = 0x31425948; // HYB1

/** What the first 64 bytes of a batch say. */
export interface BatchHeader {
  /** Header, tally and records, without the padding. */
  readonly length: number;
  /** Sequences that it stands for: of a sparse one some have no record. */
  readonly count: number;
  /** Entries of the tally that stands between header and records. */
  readonly tallied: number;
  readonly first: number;
  readonly epoch: Epoch;
  readonly ringTime: number;
  /** A compacted batch, whose records carry their own sequence. */
  readonly sparse: boolean;
  /** Compressed or enciphered (`coat`); missing: neither. */
  readonly coat?: number;
}

const sparseBit = 0x8000;
const tallyBits = 0x3f;
const coatBits = coat.compressed | coat.encrypted;

/** Where a batch lies: part of what its checksum covers, so that it is nowhere else taken for live. */
export interface BatchPlace {
  readonly ringId: Uint8Array;
  readonly segment: number;
  readonly offset: number;
}

/** Writes the header over the first 64 bytes of `bytes`, whose tally and records end at `header.length`. */
export function sealBatch(bytes: Uint8Array, header: BatchHeader, place: BatchPlace): void {
  writeBatchHeader(bytes, header, place);
  writeChecksum(bytes, header.length);
}

/** The checksum over everything behind it, up to `length`. */
export function writeChecksum(bytes: Uint8Array, length: number): void {
  viewOf(bytes).setUint32(4, crc32(bytes.subarray(8, length)), true);
}

/** All of the header but its checksum. */
export function writeBatchHeader(bytes: Uint8Array, header: BatchHeader, place: BatchPlace): void {
  const view = viewOf(bytes);
  bytes.fill(0, 0, batchHeaderBytes);
  view.setUint32(0, magic, true);
  view.setUint32(8, header.length, true);
  view.setUint32(12, header.count, true);
  putUint48(view, 16, header.first);
  view.setUint16(22, header.tallied | (header.sparse ? sparseBit : 0) | (header.coat ?? 0), true);
  putUint48(view, 24, place.segment);
  view.setUint32(32, place.offset, true);
  bytes.set(epochBytes(header.epoch), 36);
  putUint48(view, 48, header.ringTime);
  bytes.set(place.ringId.subarray(0, 8), 56);
}

/**
 * The header of a batch at `at` in `bytes` if it belongs at `place`; null if it does not. Says nothing yet about the
 * records: `batchIsWhole` does, once `length` bytes are there.
 */
export function peekBatch(bytes: Uint8Array, at: number, place: BatchPlace): BatchHeader | null {
  if (at + batchHeaderBytes > bytes.length) return null;
  const view = viewOf(bytes);
  if (view.getUint32(at, true) !== magic || view.getUint32(at + 32, true) !== place.offset) return null;
  if (getUint48(view, at + 24) !== place.segment) return null;
  for (let index = 0; index < 8; index++) if (bytes[at + 56 + index] !== place.ringId[index]) return null;
  const length = view.getUint32(at + 8, true);
  const flags = view.getUint16(at + 22, true);
  const tallied = flags & tallyBits;
  const coded = flags & coatBits;
  if (length < batchHeaderBytes + (coded === 0 ? tallied * tallyEntryBytes : 4)) return null;
  return {
    length,
    count: view.getUint32(at + 12, true),
    tallied,
    first: getUint48(view, at + 16),
    epoch: epochOf(bytes.subarray(at + 36, at + 48)),
    ringTime: getUint48(view, at + 48),
    sparse: (flags & sparseBit) !== 0,
    coat: coded,
  };
}

/** Where a batch's records begin, from its start. */
export const recordsAt = ({ tallied }: BatchHeader): number => batchHeaderBytes + tallied * tallyEntryBytes;

/** Writes the tally behind the header's place; returns its end. */
export function writeTally(bytes: Uint8Array, tally: readonly Tallied[]): number {
  const view = viewOf(bytes);
  let at = batchHeaderBytes;
  for (const { cursor, live } of tally) {
    view.setUint32(at, cursor, true);
    putUint48(view, at + 4, live);
    at += tallyEntryBytes;
  }
  return at;
}

/** The tally of the whole batch whose records begin at `end`. */
export function* tallyOf(
  bytes: Uint8Array,
  { tallied }: Pick<BatchHeader, 'tallied'>,
  end: number,
): Generator<Tallied> {
  const view = viewOf(bytes);
  for (let at = end - tallied * tallyEntryBytes; at < end; at += tallyEntryBytes)
    yield { cursor: view.getUint32(at, true), live: getUint48(view, at + 4) };
}

export function batchIsWhole(bytes: Uint8Array, at: number, length: number): boolean {
  if (at + length > bytes.length) return false;
  return viewOf(bytes).getUint32(at + 4, true) === crc32(bytes.subarray(at + 8, at + length));
}

/** The segment that a batch says it lies in, whatever it is: to find a segment whose own header is damaged. */
export function segmentClaimed(bytes: Uint8Array, at: number): number | null {
  if (at + batchHeaderBytes > bytes.length) return null;
  const view = viewOf(bytes);
  return view.getUint32(at, true) === magic ? getUint48(view, at + 24) : null;
}
