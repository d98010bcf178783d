import type { Disk, DiskFile, Log as Journal } from '#kernel';
import { pageBytes } from '#kernel';
import { type BatchHeader, batchIsWhole, peekBatch, segmentClaimed } from './batch.ts';
import { type Checkpoint, listCheckpoints, nameOf, readCheckpoint } from './checkpoint.ts';
import { isPlausible } from './checkpoint-check.ts';
import { bootOf } from './epoch.ts';
import { keyWith, missingKey, type RingKeys } from './keys.ts';
import { batchHeaderBytes, type Geometry, padded } from './layout.ts';
import { decodeSegmentHeader, type Segment, type SegmentHeader } from './segment.ts';
import { repairedHeader } from './segment-repair.ts';
import type { Batch } from './tail.ts';
import { keyIdOf, unwrapBatch } from './wrapping.ts';

/** The checkpoints found: which to start from, which are whole. */
export interface FoundCheckpoints {
  readonly newest: Checkpoint | null;
  readonly kept: readonly { readonly generation: number; readonly position: number }[];
  /** The older of the two, if both are whole. */
  readonly older: Checkpoint | null;
  readonly next: number;
  readonly damaged: number;
}

/** Reads the checkpoints, newest first, until two are whole; removes the others. */
export async function findCheckpoints(
  disk: Disk,
  directory: string,
  journal: Journal,
  keys: RingKeys,
  patient: (file: DiskFile) => DiskFile,
): Promise<FoundCheckpoints> {
  const generations = await listCheckpoints(disk, directory);
  const kept: { generation: number; position: number }[] = [];
  let newest: Checkpoint | null = null;
  let older: Checkpoint | null = null;
  let damaged = 0;
  for (const generation of generations) {
    const found = kept.length < 2 ? await readCheckpoint(disk, directory, generation, keys, patient) : null;
    if (found !== null && isPlausible(found)) {
      kept.push({ generation, position: found.position });
      if (newest === null) newest = found;
      else older = found;
    } else {
      if (kept.length < 2) {
        damaged++;
        journal.warn('ring-checkpoint-damaged', { generation });
      }
      await disk.remove(`${directory}/${nameOf(generation)}`).catch(() => undefined);
    }
  }
  return { newest, older, kept, next: (generations[0] ?? 0) + 1, damaged };
}

/** A slot of the file and the segment in it. */
export interface FoundSlot {
  readonly slot: number;
  readonly header: SegmentHeader | null;
  /** The header is not what was written: it was repaired, or there is none. */
  readonly damaged: boolean;
  /** What lies there though its header is damaged: the segment, and the first sequence found in it. */
  readonly claimed: { readonly id: number; readonly first: number; readonly keyId: string | null } | null;
}

/** The size of segments in the file, from the first header that is whole. */
export async function findSegmentBytes(file: DiskFile, size: number): Promise<SegmentHeader | null> {
  const page = Buffer.alloc(pageBytes);
  for (let at = 0; at < size; at += pageBytes) {
    if ((await file.read(page, at)) < pageBytes) continue;
    const header = decodeSegmentHeader(page) ?? repairedHeader(page);
    if (header !== null && header.slot * header.segmentBytes === at) return header;
  }
  return null;
}

export async function readSlots(
  file: DiskFile,
  size: number,
  segmentBytes: number,
  ringId: Uint8Array,
): Promise<FoundSlot[]> {
  const slots: FoundSlot[] = [];
  for (let slot = 0; slot * segmentBytes < size; slot += slotsAtOnce) {
    const some = Array.from({ length: slotsAtOnce }, (_, index) => slot + index);
    const inFile = some.filter((each) => each * segmentBytes < size);
    slots.push(...(await Promise.all(inFile.map((each) => readSlot(file, each, segmentBytes, ringId)))));
  }
  return slots;
}

const slotsAtOnce = 16;

async function readSlot(file: DiskFile, slot: number, segmentBytes: number, ringId: Uint8Array): Promise<FoundSlot> {
  const start = slot * segmentBytes;
  const page = Buffer.alloc(pageBytes);
  await file.read(page, start);
  const whole = decodeSegmentHeader(page);
  const header = whole ?? repairedHeader(page);
  if (header !== null && Buffer.compare(header.ringId, ringId) === 0 && header.slot === slot)
    return { slot, header, damaged: whole === null, claimed: null };
  const pages = Buffer.alloc(2 * pageBytes);
  await file.read(pages, start);
  if (pages.every((byte) => byte === 0)) return { slot, header: null, damaged: false, claimed: null };
  return { slot, header: null, damaged: true, claimed: await claimOf(file, start, segmentBytes, ringId) };
}

/** Looks for whole batches in a slot whose header is damaged; the newest segment that they say they are in. */
async function claimOf(
  file: DiskFile,
  start: number,
  segmentBytes: number,
  ringId: Uint8Array,
): Promise<FoundSlot['claimed']> {
  const bytes = Buffer.alloc(segmentBytes);
  await readPages(file, start, bytes);
  let newest: FoundSlot['claimed'] = null;
  for (let at = pageBytes; at < segmentBytes; at += pageBytes) {
    const segment = segmentClaimed(bytes, at);
    if (segment === null || segment <= (newest?.id ?? 0)) continue;
    const header = peekBatch(bytes, at, { ringId, segment, offset: at });
    if (header !== null && batchIsWhole(bytes, at, header.length))
      newest = { id: segment, first: header.first, keyId: keyIdOf(bytes, at, header) };
  }
  return newest;
}

async function readPages(file: DiskFile, start: number, into: Buffer): Promise<void> {
  into.fill(0, await file.read(into, start));
}

/** What the replay tells as it goes. */
export interface ReplaySink {
  batch(batch: Batch, segment: Segment, header: BatchHeader): void;
  /** Records `from` to `to` should be in the segment from the offset on, and are not. */
  missing(segment: Segment, offset: number, from: number, to: number): void;
}

/** The last batch of the log and where it lies: its sync may not have happened. */
export interface LastBatch {
  readonly segment: Segment;
  readonly offset: number;
  readonly bytes: Buffer;
  /** The sequence before its first. */
  readonly before: number;
}

export interface Replayed {
  /** The highest sequence found. */
  readonly last: number;
  readonly ringTime: number;
  readonly boot: number;
  readonly lastBatch: LastBatch | null;
  /** A batch that should come next by its header, and is not whole. */
  readonly torn: TornBatch | null;
}

/** A commit that a power cut tore, which was acknowledged to nobody; or else the medium damaged the very last one. */
export interface TornBatch {
  readonly segment: Segment;
  readonly offset: number;
  readonly first: number;
  readonly count: number;
}

interface Place {
  readonly segment: Segment;
  readonly next: Segment | undefined;
  readonly from: number;
  /** To read what lies from there on into. */
  readonly bytes: Buffer;
  readonly keys: RingKeys;
}

/**
 * Goes through the log after `position`, from `offset` in the segment `start` on. One commit is under way at a time, so
 * what cannot be read is a torn tail when nothing whole comes after it, and damage when something does.
 */
export async function replay(
  file: DiskFile,
  geometry: Geometry,
  ringId: Uint8Array,
  segments: readonly Segment[],
  position: number,
  start: { readonly segment: number; readonly offset: number },
  sink: ReplaySink,
  keys: RingKeys,
): Promise<Replayed> {
  let result: Replayed = { last: position, ringTime: 0, boot: 0, lastBatch: null, torn: null };
  const bytes = Buffer.allocUnsafeSlow(geometry.segmentBytes);
  for (const [index, segment] of segments.entries()) {
    if (segment.slot < 0 || segment.id < start.segment) continue;
    const from = segment.id === start.segment ? start.offset : pageBytes;
    const place = { segment, next: segments[index + 1], from, bytes: bytes.subarray(from), keys };
    result = await replaySegment(file, geometry, ringId, place, position, result, sink);
  }
  return result;
}

async function replaySegment(
  file: DiskFile,
  geometry: Geometry,
  ringId: Uint8Array,
  place: Place,
  position: number,
  before: Replayed,
  sink: ReplaySink,
): Promise<Replayed> {
  const { segment, next, bytes } = place;
  await readPages(file, segment.slot * geometry.segmentBytes + place.from, bytes);
  const limit = next?.first ?? Number.POSITIVE_INFINITY;
  let { last, ringTime, boot, lastBatch, torn } = before;
  /** Where what cannot be read begins. */
  let broken: number | null = null;
  for (let at = 0; at + batchHeaderBytes <= bytes.length; ) {
    const offset = place.from + at;
    const header = wholeBatch(bytes, at, { ringId, segment: segment.id, offset });
    const plain = header === null ? null : unwrapBatch(place.keys, bytes, at, header);
    if (header === null || plain === null || (header.count > 0 && header.first >= limit)) {
      if (plain === null) {
        broken ??= offset;
        torn = tornBatch(bytes, at, { ringId, segment, offset }, last) ?? torn;
      }
      at += pageBytes;
      continue;
    }
    const end = header.first + header.count - 1;
    if (header.first > last + 1) sink.missing(segment, broken ?? offset, last + 1, header.first - 1);
    broken = null;
    torn = null;
    const { first, epoch, sparse, tallied } = header;
    const batch = { ...plain, first, last: end, epoch, sparse, tallied };
    if (end > position) sink.batch(batch, segment, header);
    last = Math.max(last, end);
    ringTime = Math.max(ringTime, header.ringTime);
    boot = Math.max(boot, bootOf(header.epoch));
    segment.last = Math.max(segment.last, end);
    segment.end = offset + padded(header.length);
    lastBatch = { segment, offset, bytes: bytes.subarray(at, at + padded(header.length)), before: header.first - 1 };
    at += padded(header.length);
  }
  // The next segment began with the batch after the last durable one, so what is missing until there was here.
  if (next !== undefined && next.first > last + 1) {
    sink.missing(segment, broken ?? segment.end, last + 1, next.first - 1);
    last = segment.last = next.first - 1;
    torn = null;
  }
  if (lastBatch?.segment === segment) lastBatch = { ...lastBatch, bytes: Buffer.from(lastBatch.bytes) };
  return { last, ringTime, boot, lastBatch, torn };
}

function tornBatch(
  bytes: Buffer,
  at: number,
  place: { ringId: Uint8Array; segment: Segment; offset: number },
  last: number,
): TornBatch | null {
  const { segment, offset } = place;
  const header = peekBatch(bytes, at, { ringId: place.ringId, segment: segment.id, offset });
  if (header === null || header.first !== last + 1) return null;
  return { segment, offset, first: header.first, count: header.count };
}

function wholeBatch(
  bytes: Buffer,
  at: number,
  place: { ringId: Uint8Array; segment: number; offset: number },
): BatchHeader | null {
  const header = peekBatch(bytes, at, place);
  return header !== null && batchIsWhole(bytes, at, header.length) ? header : null;
}

/** Live segments: those of the checkpoint, and those begun since. What a checkpoint names and the file has not is lost. */
export function liveSegments(slots: readonly FoundSlot[], checkpoint: Checkpoint | null): Segment[] {
  const found = new Map<number, FoundSlot>();
  for (const slot of slots) {
    const id = slot.header?.id ?? slot.claimed?.id;
    if (id !== undefined && found.get(id)?.header?.sparse !== true) found.set(id, slot);
  }
  const known = checkpoint?.segments ?? [];
  const newest = known.at(-1)?.id ?? 0;
  const live = known.map((segment) => revived(segment, slots[segment.slot]));
  const begun = [...found].filter(([id]) => id > newest).sort(([a], [b]) => a - b);
  for (const [id, slot] of begun) {
    const first = slot.header?.first ?? slot.claimed?.first ?? 0;
    const sparse = slot.header?.sparse === true;
    const counts = { matches: new Map<number, number>(), laneBytes: [0, 0, 0] };
    live.push({ id, slot: slot.slot, first, last: first - 1, end: pageBytes, ...counts, born: 0, lost: null, sparse });
  }
  return checkpoint === null ? withoutSources(live) : live;
}

/** Without a checkpoint a compacted segment is taken for those that it was made of. */
function withoutSources(segments: readonly Segment[]): Segment[] {
  const compacted = segments.filter(({ sparse }) => sparse);
  return segments.filter(
    (one) => !compacted.some((other) => one !== other && one.id <= other.id && one.first >= other.first),
  );
}

/** Slots of what the older checkpoint names and the newer has only compacted: kept until no checkpoint names them. */
export function retiredSlots(
  older: Checkpoint | null,
  live: readonly Segment[],
  slots: readonly FoundSlot[],
): number[] {
  const compacted = live.filter(({ sparse }) => sparse);
  const used = new Set(live.map(({ slot }) => slot));
  const named = older?.segments ?? [];
  return named
    .filter(({ id, slot }) => slots[slot]?.header?.id === id && !used.has(slot))
    .filter(({ first, last }) => compacted.some((one) => one.first <= first && last <= one.last))
    .map(({ slot }) => slot);
}

function revived(segment: Segment, there: FoundSlot | undefined): Segment {
  if (segment.lost !== null) return { ...segment, slot: -1 };
  const id = there?.header?.id ?? there?.claimed?.id ?? 0;
  if (id === segment.id) return { ...segment };
  // Its slot holds a later segment, or one made of older ones: it had been dropped, and the note of it was under way.
  // Else the medium lost it, and whoever reads it finds that.
  const taken = id > segment.id || there?.header?.sparse === true;
  return taken ? { ...segment, slot: -1, lost: 'full' } : segment;
}

/** The key that a slot's batches are enciphered under. */
export const keyIdIn = (slot: FoundSlot | undefined): string | null => (slot?.header ?? slot?.claimed)?.keyId ?? null;

/** Throws `ring/key` when a live segment is enciphered under a key that is not here: before anything is changed. */
export function needKeys(segments: readonly Segment[], slots: readonly FoundSlot[], keys: RingKeys): void {
  for (const { id, slot } of segments) {
    const keyId = keyIdIn(slots[slot]);
    if (keyId !== null && keyWith(keys, keyId) === undefined) throw missingKey(`segment ${id}`, keyId, keys);
  }
}
