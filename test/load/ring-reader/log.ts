import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { Fields } from './bytes.ts';

const page = 4096;
const batchHeaderBytes = 64;
const tallyEntryBytes = 10;

/** One record as it lies in ring.log, with what its batch says of it. */
export interface LogRecord {
  readonly sequence: number;
  readonly epoch: string;
  readonly kind: number;
  readonly flags: number;
  readonly provenance: Provenance | null;
  readonly name: string;
  readonly body: Buffer;
}

/** Numbers of origin records, and the sequence at the origin. */
export interface Provenance {
  readonly origin: number;
  readonly via: number;
  readonly sequence: number;
}

export interface Segment {
  readonly id: number;
  readonly slot: number;
  readonly firstSequence: number;
  readonly ringId: string;
  readonly bytes: Buffer;
}

/** Every segment with a whole header, in order of segment id: also freed ones, as long as nothing has replaced them. */
export function segmentsOf(directory: string): Segment[] {
  const path = `${directory}/ring.log`;
  if (!existsSync(path)) return [];
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size;
    const segmentBytes = segmentBytesOf(fd, size);
    const found: Segment[] = [];
    for (let slot = 0; slot * segmentBytes < size; slot++) {
      const segment = segmentAt(fd, slot, segmentBytes);
      if (segment !== null) found.push(segment);
    }
    return found.sort((a, b) => a.id - b.id);
  } finally {
    closeSync(fd);
  }
}

/** The first whole header in the file, at whatever page, says how long segments are. */
function segmentBytesOf(fd: number, size: number): number {
  for (let at = 0; at < size; at += page) {
    const header = headerOf(readAt(fd, at, page));
    if (header !== null) return header.segmentBytes;
  }
  throw new Error('ring reader: no segment header found');
}

function segmentAt(fd: number, slot: number, segmentBytes: number): Segment | null {
  const bytes = readAt(fd, slot * segmentBytes, segmentBytes);
  const header = headerOf(bytes);
  return header === null || header.slot !== slot ? null : { ...header, bytes };
}

function headerOf(bytes: Buffer) {
  if (bytes.length < page || bytes.toString('latin1', 0, 4) !== 'HYRS') return null;
  if (crc32(bytes.subarray(0, page - 4)) !== bytes.readUInt32LE(page - 4)) return null;
  const fields = new Fields(bytes, 4);
  const version = fields.u16();
  if (version !== 1) throw new Error(`ring reader: format version ${version}, wanted 1`);
  fields.u16();
  const ringId = fields.hex(16);
  const [id, , firstSequence, , segmentBytes, slot] = [
    fields.u48(),
    fields.u16(),
    fields.u48(),
    fields.u16(),
    fields.u32(),
    fields.u32(),
  ];
  return { ringId, id, firstSequence, segmentBytes, slot };
}

function readAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, at));
}

/** All records of the segments in order of sequence. A page without a whole batch is passed over. */
export function* recordsOf(segments: readonly Segment[]): Generator<LogRecord> {
  for (const [index, segment] of segments.entries()) {
    const end = segments[index + 1]?.firstSequence ?? Number.POSITIVE_INFINITY;
    for (let at = page; at < segment.bytes.length; ) {
      const batch = batchAt(segment, at);
      if (batch !== null && batch.first < end) yield* batch.records();
      at += batch === null ? page : Math.ceil(batch.length / page) * page;
    }
  }
}

function batchAt(segment: Segment, at: number) {
  const { bytes } = segment;
  if (at + batchHeaderBytes > bytes.length || bytes.toString('latin1', at, at + 4) !== 'HYB1') return null;
  const fields = new Fields(bytes, at + 4);
  const [crc, length, count] = [fields.u32(), fields.u32(), fields.u32()];
  const [first, tallied, segmentId, , offset] = [fields.u48(), fields.u16(), fields.u48(), fields.u16(), fields.u32()];
  const epoch = fields.hex(12);
  const ringId = segment.ringId.slice(0, 16);
  const isWhole = length >= batchHeaderBytes && at + length <= bytes.length;
  const isHere = segmentId === segment.id && offset === at && bytes.toString('hex', at + 56, at + 64) === ringId;
  if (!isWhole || !isHere || crc32(bytes.subarray(at + 8, at + length)) !== crc) return null;
  return {
    first,
    length,
    records: () => batchRecords(bytes, at + batchHeaderBytes + tallied * tallyEntryBytes, count, first, epoch),
  };
}

function* batchRecords(bytes: Buffer, start: number, count: number, first: number, epoch: string) {
  let at = start;
  for (let index = 0; index < count; index++) {
    const { length, ...record } = recordAt(bytes, at);
    yield { sequence: first + index, epoch, ...record };
    at += length;
  }
}

function recordAt(bytes: Buffer, at: number) {
  const fields = new Fields(bytes, at);
  const [length, kind, flags] = [fields.u32(), fields.u8(), fields.u8()];
  fields.u16();
  const nameLength = fields.u16();
  fields.u48();
  const provenance = (flags & 0x20) === 0 ? null : provenanceIn(fields);
  const name = fields.text(nameLength);
  return { length, kind, flags, provenance, name, body: fields.bytes(at + length - fields.at) };
}

function provenanceIn(fields: Fields): Provenance {
  const [origin, via, sequence] = [fields.u16(), fields.u16(), fields.u48()];
  fields.u16();
  return { origin, via, sequence };
}
