import { AgentError, pageBytes } from '#kernel';

/** See FORMAT.md for every byte. */
export const formatVersion = 1;
export const batchHeaderBytes = 64;
export const recordHeaderBytes = 16;
/** What stands before each record of a sparse batch: its sequence. */
export const sparseEntryBytes = 8;
/** How a batch's tally and records are coded: bits of its header's u16 at 22. */
export const coat = { compressed: 0x4000, encrypted: 0x2000 } as const;
/** What a coded batch needs more: see wrapping.ts. */
const coatBytes = 52;
/** A batch says of so many cursors how many records had matched them before it. */
export const tallyEntries = 32;
export const tallyEntryBytes = 10;
/** What stands before a batch's records, at most. */
export const batchFrontBytes = batchHeaderBytes + tallyEntries * tallyEntryBytes;

const KiB = 1024;
const MiB = 1024 * KiB;
const smallestSegment = 64 * KiB;
const largestSegment = 4 * MiB;
/** Four full batches fill a segment, with the settles that ride along. */
const settleSlackBytes = 2 * KiB;
const leastSeenBytes = 4 * KiB;
/** Fewer slots could not hold the reserve, the active segment, and what two checkpoints keep. */
export const fewestSlots = 8;

/** How a ring of a given size is cut up, and the limits that follow from it. */
export interface Geometry {
  readonly segmentBytes: number;
  readonly slots: number;
  /** Slots that messages never take: state and cursors move on in them when the ring is full. */
  readonly reserveSlots: number;
  /** The longest batch, header and padding included. */
  readonly largestBatch: number;
  /** Staged bytes at which messages are told to wait. */
  readonly stageBytes: number;
  /** Log written since the last checkpoint that makes a new one due. */
  readonly checkpointBytes: number;
  /** Keys and values of all state, retained messages included. */
  readonly stateBytes: number;
  /** What is known of stored records from elsewhere may take so much of a checkpoint: under 1 % of the log between two. */
  readonly seenBytes: number;
}

/** `segmentBytes` is what the file on disk has, if there is one: the size of a ring may change, that of its segments not. */
export function geometryOf(sizeBytes: number, segmentBytes: number | null): Geometry {
  const smallest = fewestSlots * (segmentBytes ?? smallestSegment);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < smallest) {
    const why = segmentBytes === null ? '' : ` (8 segments of the ${segmentBytes} bytes that this ring was made with)`;
    const text = `ring: size ${sizeBytes} bytes, at least ${smallest} wanted${why}`;
    throw new AgentError('ring/size', 'reconfigure', text);
  }
  const wanted = Math.min(Math.max(sizeBytes / 16, smallestSegment), largestSegment);
  const segment = segmentBytes ?? Math.floor(wanted / pageBytes) * pageBytes;
  const checkpointBytes = Math.min(8 * MiB, Math.max(segment, sizeBytes / 8));
  return {
    segmentBytes: segment,
    slots: Math.floor(sizeBytes / segment),
    reserveSlots: 3,
    largestBatch: segment - pageBytes - coatBytes,
    stageBytes: Math.floor((segment - pageBytes) / 4 / pageBytes) * pageBytes - settleSlackBytes,
    checkpointBytes,
    stateBytes: Math.min(64 * MiB, Math.max(MiB, sizeBytes / 8)),
    seenBytes: Math.max(leastSeenBytes, checkpointBytes / 128),
  };
}

/** As a ring of some size may have it. */
export const isSegmentSize = (bytes: number): boolean =>
  bytes >= smallestSegment && bytes <= largestSegment && bytes % pageBytes === 0;

export const padded = (bytes: number): number => Math.ceil(bytes / pageBytes) * pageBytes;

/** 48 bits, little-endian, as sequences and times are stored. */
export function putUint48(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint16(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

export function getUint48(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint16(at + 4, true) * 0x1_0000_0000;
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
