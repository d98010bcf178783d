import { crc32 } from 'node:zlib';
import type { Disk, DiskFile, Epoch, PublicKey } from '#kernel';
import { AgentError } from '#kernel';
import { ByteReader, ByteWriter } from './bytes.ts';
import { epochBytes, epochOf } from './epoch.ts';
import { keyWith, missingKey, noKeys, type RingKeys } from './keys.ts';
import { lanes } from './lanes.ts';
import { formatVersion } from './layout.ts';
import type { Origin } from './origins.ts';
import type { Position } from './position.ts';
import { decodePosition } from './position-codec.ts';
import type { SavedSeen } from './seen.ts';
import { refuseNewer, type Segment } from './segment.ts';
import type { Retained } from './state.ts';
import type { Lane } from './types.ts';
import { coverKey, uncover } from './wrapping.ts';

const magic = 0x31435948; // HYC1
const endMagic = 0x45435948; // HYCE
const pieceBytes = 256 * 1024;
const sparseBit = 0x100;

/** Everything that the log before `position` says, so that recovery reads only what comes after. */
export interface Checkpoint {
  readonly ringId: Uint8Array;
  readonly segmentBytes: number;
  readonly boot: number;
  readonly epoch: Epoch;
  readonly ringTime: number;
  /** The last sequence whose effects are in here. */
  readonly position: number;
  /** Where the batch after `position` begins. */
  readonly segment: number;
  readonly offset: number;
  readonly nextCursorId: number;
  readonly segments: readonly Segment[];
  readonly origins: readonly Origin[];
  readonly positions: readonly Position[];
  readonly values: readonly (readonly [string, Uint8Array])[];
  readonly retained: readonly Retained[];
  /** Empty in a checkpoint of before there was such a list. */
  readonly seen: readonly SavedSeen[];
}

/** A checkpoint about to be written: what may change while the pieces go to the disk is encoded or copied already. */
export type Snapshot = Omit<Checkpoint, 'positions'> & {
  readonly positions: readonly Buffer[];
  /** Of each of them, by lane. */
  readonly newestOf: readonly (readonly number[])[];
};

/** Writes `checkpoint-N` in one piece or not at all: a draft, synced, renamed, and the directory synced. */
export async function writeCheckpoint(
  disk: Disk,
  directory: string,
  generation: number,
  pieces: Iterable<Buffer>,
): Promise<number> {
  const draft = `${directory}/checkpoint.draft`;
  await disk.remove(draft);
  const file = await disk.open(draft, 'create');
  let at = 0;
  try {
    let crc = 0;
    for (const piece of pieces) {
      crc = crc32(piece, crc);
      await file.write(piece, at);
      at += piece.length;
    }
    const trailer = Buffer.alloc(16);
    trailer.writeUInt32LE(endMagic, 0);
    trailer.writeUInt32LE(crc, 4);
    trailer.writeUIntLE(at, 8, 6);
    await file.write(trailer, at);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(draft, `${directory}/${nameOf(generation)}`);
  await disk.syncDirectory(directory);
  return at + 16;
}

export const nameOf = (generation: number): string => `checkpoint-${String(generation).padStart(12, '0')}`;

/** Generations on the disk, newest first. */
export async function listCheckpoints(disk: Disk, directory: string): Promise<number[]> {
  const names = await disk.list(directory);
  const found = names.filter((name) => /^checkpoint-\d{12}$/.test(name));
  return found.map((name) => Number(name.slice(11))).sort((a, b) => b - a);
}

/** Null when the file is damaged. Throws `ring/version` when a newer version wrote it, `ring/key` without its key. */
export async function readCheckpoint(
  disk: Disk,
  directory: string,
  generation: number,
  keys: RingKeys,
  patient: (file: DiskFile) => DiskFile = (file) => file,
): Promise<Checkpoint | null> {
  const file = patient(await disk.open(`${directory}/${nameOf(generation)}`, 'read-only'));
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.size());
    const length = await file.read(bytes, 0);
    return decodeCheckpoint(bytes.subarray(0, length), keys);
  } catch (error) {
    if (error instanceof AgentError && (error.code === 'ring/version' || error.code === 'ring/key')) throw error;
    return null;
  } finally {
    await file.close();
  }
}

export function* encodeCheckpoint(checkpoint: Snapshot): Generator<Buffer> {
  const out = new ByteWriter();
  writeHead(out, checkpoint);
  for (const part of parts(checkpoint, out)) {
    void part;
    if (out.length >= pieceBytes) yield out.done();
  }
  yield out.done();
}

/** Writes one item after the other; a pause after each, so that pieces stay small. */
function* parts(checkpoint: Snapshot, out: ByteWriter): Generator<void> {
  out.uint32(checkpoint.segments.length);
  for (const segment of checkpoint.segments) yield writeSegment(out, segment);
  out.uint32(checkpoint.origins.length);
  for (const origin of checkpoint.origins) yield writeOrigin(out, origin);
  out.uint32(checkpoint.positions.length);
  for (const position of checkpoint.positions) yield out.bytes(position);
  out.uint32(checkpoint.values.length);
  for (const [key, value] of checkpoint.values) {
    out.bytes(Buffer.from(key));
    yield out.bytes(value);
  }
  out.uint32(checkpoint.retained.length);
  for (const retained of checkpoint.retained) yield writeRetained(out, retained);
  out.uint32(checkpoint.seen.length);
  for (const boot of checkpoint.seen) yield writeSeen(out, boot);
  for (const { laneBytes } of checkpoint.segments) yield writeLanes(out, laneBytes);
  for (const newestOf of checkpoint.newestOf)
    yield writeLanes(
      out,
      newestOf.map((newest) => Math.min(newest, checkpoint.position)),
    );
}

function writeHead(out: ByteWriter, checkpoint: Snapshot): void {
  out.uint32(magic);
  out.uint16(formatVersion);
  out.uint16(0);
  out.raw(checkpoint.ringId);
  out.uint32(checkpoint.segmentBytes);
  out.uint32(checkpoint.boot);
  out.raw(epochBytes(checkpoint.epoch));
  out.uint48(checkpoint.ringTime);
  out.uint48(checkpoint.position);
  out.uint48(checkpoint.segment);
  out.uint32(checkpoint.offset);
  out.uint32(checkpoint.nextCursorId);
}

export function decodeCheckpoint(bytes: Buffer, keys: RingKeys = noKeys): Checkpoint | null {
  if (bytes.length < 24) return null;
  const end = bytes.length - 16;
  const trailer = bytes.subarray(end);
  if (trailer.readUInt32LE(0) !== endMagic || trailer.readUIntLE(8, 6) !== end) return null;
  if (trailer.readUInt32LE(4) !== crc32(bytes.subarray(0, end))) return null;
  const plain = uncovered(bytes.subarray(0, end), keys);
  if (plain === null) return null;
  const reader = new ByteReader(plain);
  if (reader.uint32() !== magic) return null;
  refuseNewer(reader.uint16());
  reader.uint16();
  const checkpoint = {
    ringId: Uint8Array.prototype.slice.call(reader.raw(16)),
    segmentBytes: reader.uint32(),
    boot: reader.uint32(),
    epoch: epochOf(reader.raw(12)),
    ringTime: reader.uint48(),
    position: reader.uint48(),
    segment: reader.uint48(),
    offset: reader.uint32(),
    nextCursorId: reader.uint32(),
    segments: many(reader, readSegment),
    origins: many(reader, readOrigin),
    positions: many(reader, (each) => decodePosition(each.bytes())),
    values: many(reader, (each) => [each.bytes().toString(), Uint8Array.prototype.slice.call(each.bytes())] as const),
    retained: many(reader, readRetained),
    seen: reader.atEnd ? [] : many(reader, readSeen),
  };
  readLanes(reader, checkpoint);
  return checkpoint;
}

function uncovered(bytes: Buffer, keys: RingKeys): Buffer | null {
  const id = coverKey(bytes);
  if (id === null) return bytes;
  const key = keyWith(keys, id);
  if (key === undefined) throw missingKey('the checkpoint', id, keys);
  return uncover(key, bytes);
}

function many<T>(reader: ByteReader, one: (reader: ByteReader) => T): T[] {
  const items: T[] = [];
  for (let left = reader.uint32(); left > 0; left--) items.push(one(reader));
  return items;
}

function writeSegment(out: ByteWriter, segment: Segment): void {
  out.uint48(segment.id);
  out.uint32(segment.slot < 0 ? 0xffff_ffff : segment.slot);
  out.uint48(segment.first);
  out.uint48(segment.last);
  out.uint32(segment.end);
  out.uint48(segment.born);
  out.uint16((segment.lost === null ? 0 : segment.lost === 'full' ? 1 : 2) | (segment.sparse ? sparseBit : 0));
  out.uint32(segment.matches.size);
  for (const [cursor, count] of segment.matches) {
    out.uint32(cursor);
    out.uint32(count);
  }
}

function readSegment(reader: ByteReader): Segment {
  const id = reader.uint48();
  const slot = reader.uint32() | 0;
  const first = reader.uint48();
  const last = reader.uint48();
  const end = reader.uint32();
  const born = reader.uint48();
  const flags = reader.uint16();
  const lost = ([null, 'full', 'damaged'] as const)[flags & 3] ?? null;
  const sparse = (flags & sparseBit) !== 0;
  const matches = new Map<number, number>();
  for (let left = reader.uint32(); left > 0; left--) matches.set(reader.uint32(), reader.uint32());
  return { id, slot, first, last, end, born, lost, sparse, matches, laneBytes: [0, 0, 0] };
}

function writeOrigin(out: ByteWriter, origin: Origin): void {
  out.uint16(origin.id);
  out.key(origin.key);
  out.raw(epochBytes(origin.epoch));
  out.uint48(origin.lastUsed);
}

function readOrigin(reader: ByteReader): Origin {
  const id = reader.uint16();
  const key = reader.raw(32).toString('hex') as PublicKey;
  return { id, key, epoch: epochOf(reader.raw(12)), lastUsed: reader.uint48() };
}

function writeRetained(out: ByteWriter, retained: Retained): void {
  const { provenance } = retained;
  out.uint48(retained.sequence);
  out.raw(epochBytes(retained.epoch));
  out.uint48(retained.born);
  out.uint16(retained.lane | (retained.qos << 4) | (retained.retain ? 64 : 0) | (provenance === null ? 0 : 128));
  if (provenance !== null) {
    out.key(provenance.origin);
    out.raw(epochBytes(provenance.epoch));
    out.uint48(provenance.sequence);
    out.key(provenance.via);
    out.uint16(provenance.hopsLeft);
  }
  out.bytes(Buffer.from(retained.topic));
  out.bytes(retained.body);
}

function readRetained(reader: ByteReader): Retained {
  const sequence = reader.uint48();
  const epoch = epochOf(reader.raw(12));
  const born = reader.uint48();
  const flags = reader.uint16();
  const provenance =
    (flags & 128) === 0
      ? null
      : {
          origin: reader.raw(32).toString('hex') as PublicKey,
          epoch: epochOf(reader.raw(12)),
          sequence: reader.uint48() as never,
          via: reader.raw(32).toString('hex') as PublicKey,
          hopsLeft: reader.uint16(),
        };
  const topic = reader.bytes().toString();
  const body = Uint8Array.prototype.slice.call(reader.bytes());
  const lane = (flags & 3) as Lane;
  const qos = ((flags >> 4) & 3) as 0 | 1 | 2;
  return { sequence, epoch, topic, lane, qos, retain: (flags & 64) !== 0, body, provenance, born };
}

function writeSeen(out: ByteWriter, { origin, epoch, chunks }: SavedSeen): void {
  out.key(origin);
  out.raw(epochBytes(epoch));
  out.uint32(chunks.length);
  for (const { index, usedAt, encoded } of chunks) {
    out.uint48(index);
    out.uint48(usedAt);
    out.bytes(encoded);
  }
}

function readSeen(reader: ByteReader): SavedSeen {
  const origin = reader.raw(32).toString('hex') as PublicKey;
  const epoch = epochOf(reader.raw(12));
  const readChunk = (each: ByteReader) => ({ index: each.uint48(), usedAt: each.uint48(), encoded: each.bytes() });
  return { origin, epoch, chunks: many(reader, readChunk) };
}

function writeLanes(out: ByteWriter, numbers: readonly number[]): void {
  for (const number of numbers) out.uint48(number);
}

/** What an older checkpoint does not say: all bytes are the normal lane's, and cursors may want all of it. */
function readLanes(reader: ByteReader, { segments, positions, position }: Checkpoint): void {
  const known = !reader.atEnd;
  for (const { laneBytes, end } of segments)
    for (const lane of lanes) laneBytes[lane] = known ? Math.min(reader.uint48(), end) : lane === 1 ? end : 0;
  for (const { newestOf } of positions)
    for (const lane of lanes) newestOf[lane] = known ? Math.min(reader.uint48(), position) : position;
}
