import { getUint48, putUint48, recordHeaderBytes, sparseEntryBytes, viewOf } from './layout.ts';
import type { Batch } from './tail.ts';
import type { Lane } from './types.ts';

/** What a record is. Numbers are on disk: append only. */
export const recordKind = { message: 1, put: 2, delete: 3, cursor: 4, settle: 5, remove: 6, origin: 7 } as const;
export type RecordKind = (typeof recordKind)[keyof typeof recordKind];

const latests = ['none', 'set', 'clear'] as const;

/** Provenance as stored: names by their number in the ring's table of origins. */
export interface StoredProvenance {
  readonly origin: number;
  readonly via: number;
  readonly sequence: number;
  readonly hopsLeft: number;
}

export const provenanceBytes = 12;

/** A record's header and where its parts lie in the buffer that it was read from. */
export interface StoredRecord {
  readonly kind: number;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly latest: 'none' | 'set' | 'clear';
  readonly lane: Lane;
  /** Ring time of birth, in ms. */
  readonly born: number;
  readonly provenance: StoredProvenance | null;
  readonly body: Buffer;
}

export const recordSize = (nameBytes: number, bodyBytes: number, provenance: boolean): number =>
  recordHeaderBytes + (provenance ? provenanceBytes : 0) + nameBytes + bodyBytes;

/** Names are short: up to here a loop is quicker than a call of `set`. */
const shortBytes = 32;

/** Writes one record at `at`; returns its end. The caller has made room. Parts one by one: an object each would be made a record. */
export function writeRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  kind: RecordKind,
  flags: number,
  lane: Lane,
  born: number,
  provenance: StoredProvenance | null,
  name: Uint8Array,
  body: Uint8Array,
): number {
  const length = recordSize(name.length, body.length, provenance !== null);
  view.setUint32(at, length, true);
  view.setUint32(at + 4, kind | ((provenance === null ? flags : flags | 32) << 8) | (lane << 16), true);
  view.setUint16(at + 8, name.length, true);
  putUint48(view, at + 10, born);
  let next = at + recordHeaderBytes;
  if (provenance !== null) next = writeProvenance(view, next, provenance);
  if (name.length > shortBytes) bytes.set(name, next);
  else for (let index = 0; index < name.length; index++) bytes[next + index] = name[index] as number;
  bytes.set(body, next + name.length);
  return at + length;
}

/** Everything in a message's flags but that it has provenance. */
export function messageFlags(qos: 0 | 1 | 2, retain: boolean, latest: 'none' | 'set' | 'clear'): number {
  const mark = latest === 'none' ? 0 : latest === 'set' ? 8 : 16;
  return qos | (retain ? 4 : 0) | mark;
}

function writeProvenance(view: DataView, at: number, provenance: StoredProvenance): number {
  view.setUint16(at, provenance.origin, true);
  view.setUint16(at + 2, provenance.via, true);
  putUint48(view, at + 4, provenance.sequence);
  view.setUint8(at + 10, provenance.hopsLeft);
  view.setUint8(at + 11, 0);
  return at + provenanceBytes;
}

/** The length of the record at `at`, or 0 when none fits before `end`. */
export function recordLength(view: DataView, at: number, end: number): number {
  if (at + recordHeaderBytes > end) return 0;
  const length = view.getUint32(at, true);
  return length < recordHeaderBytes || at + length > end ? 0 : length;
}

/** The record at `at`, of `length` bytes; null when it contradicts itself. The body is a view. */
export function readRecord(bytes: Buffer, view: DataView, at: number, length: number): StoredRecord | null {
  const flags = view.getUint8(at + 5);
  const qos = flags & 3;
  const lane = view.getUint8(at + 6);
  const latest = latests[(flags >> 3) & 3];
  const nameFrom = at + recordHeaderBytes + ((flags & 32) === 0 ? 0 : provenanceBytes);
  const bodyFrom = nameFrom + view.getUint16(at + 8, true);
  if (qos === 3 || lane > 2 || latest === undefined || bodyFrom > at + length) return null;
  return {
    kind: view.getUint8(at + 4),
    qos: qos as 0 | 1 | 2,
    retain: (flags & 4) !== 0,
    latest,
    lane: lane as Lane,
    born: getUint48(view, at + 10),
    provenance: (flags & 32) === 0 ? null : readProvenance(view, at + recordHeaderBytes),
    body: bytes.subarray(bodyFrom, at + length),
  };
}

function readProvenance(view: DataView, at: number): StoredProvenance {
  return {
    origin: view.getUint16(at, true),
    via: view.getUint16(at + 2, true),
    sequence: getUint48(view, at + 4),
    hopsLeft: view.getUint8(at + 10),
  };
}

/** Topic, state key or cursor name of the record at `at`. */
export function nameOf(bytes: Buffer, view: DataView, at: number): string {
  const from = at + recordHeaderBytes + ((view.getUint8(at + 5) & 32) === 0 ? 0 : provenanceBytes);
  return bytes.toString('utf8', from, from + view.getUint16(at + 8, true));
}

/** Names of records one after the other: the same name again is the same string, and is not decoded. */
export class NameReader {
  #bytes = new Uint8Array(256);
  #length = -1;
  #name = '';

  of(bytes: Buffer, view: DataView, at: number): string {
    const from = at + recordHeaderBytes + ((view.getUint8(at + 5) & 32) === 0 ? 0 : provenanceBytes);
    const length = view.getUint16(at + 8, true);
    if (length !== this.#length || !this.#isSame(bytes, from)) this.#take(bytes, from, length);
    return this.#name;
  }

  #isSame(bytes: Buffer, from: number): boolean {
    const known = this.#bytes;
    for (let index = 0; index < this.#length; index++) if (bytes[from + index] !== known[index]) return false;
    return true;
  }

  #take(bytes: Buffer, from: number, length: number): void {
    this.#name = bytes.toString('utf8', from, from + length);
    const fits = length <= this.#bytes.length && from + length <= bytes.length;
    this.#length = fits ? length : -1;
    if (fits) this.#bytes.set(bytes.subarray(from, from + length));
  }
}

export function provenanceOf(view: DataView, at: number): StoredProvenance | null {
  return (view.getUint8(at + 5) & 32) === 0 ? null : readProvenance(view, at + recordHeaderBytes);
}

/** A record of a batch: where it begins, its sequence, what it says. */
export interface BatchEntry {
  readonly at: number;
  readonly sequence: number;
  readonly length: number;
  readonly record: StoredRecord;
}

/** Every record of a whole batch with its sequence, until one contradicts itself. */
export function* entriesOf(batch: Pick<Batch, 'bytes' | 'from' | 'end' | 'first' | 'sparse'>): Generator<BatchEntry> {
  const { bytes, end, sparse } = batch;
  const view = viewOf(bytes);
  let sequence = batch.first;
  for (let at = batch.from; ; sequence++) {
    if (sparse) {
      if (at + sparseEntryBytes > end) return;
      sequence = getUint48(view, at);
      at += sparseEntryBytes;
    }
    const length = recordLength(view, at, end);
    const record = length === 0 ? null : readRecord(bytes, view, at, length);
    if (record === null) return;
    yield { at, sequence, length, record };
    at += length;
  }
}

/** Every record of a whole batch in order, until one contradicts itself. */
export function* recordsOf(
  bytes: Buffer,
  from: number,
  end: number,
): Generator<StoredRecord & { readonly name: string }> {
  const view = viewOf(bytes);
  const names = new NameReader();
  for (let at = from; ; ) {
    const length = recordLength(view, at, end);
    if (length === 0) return;
    const record = readRecord(bytes, view, at, length);
    if (record === null) return;
    yield Object.assign(record, { name: names.of(bytes, view, at) });
    at += length;
  }
}
