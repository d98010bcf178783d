import type { Disk, DiskFile } from '#kernel';
import { AgentError, pageBytes } from '#kernel';
import { type Checkpoint, listCheckpoints, nameOf, readCheckpoint } from './checkpoint.ts';
import type { RingKeys } from './keys.ts';
import { decodeSegmentHeader, type Segment } from './segment.ts';

const pieceBytes = 256 * 1024;
const attempts = 8;

/** A piece of a file of the ring. `again`: what was given before is void, for the ring went on meanwhile. */
export type ImagePart =
  | { readonly kind: 'bytes'; readonly name: string; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'again' };

/**
 * A copy of a ring at one moment while it goes on: its newest checkpoint, and of the log what that says is live and lies
 * before it. What is copied is never written again unless its segment was freed; then it is begun anew, with fewer.
 * Pages of zeros are left out. The ring that is made of it goes on from here with an epoch of its own.
 */
export async function* imageOf(
  disk: Disk,
  directory: string,
  keys: RingKeys,
  checkpoint: () => Promise<void>,
): AsyncGenerator<ImagePart> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (attempt > 0) yield { kind: 'again' };
    await checkpoint();
    const found = await newest(disk, directory, keys);
    if (found === null) continue;
    yield* found.parts;
    if (yield* copied(disk, directory, found.checkpoint)) return;
  }
  throw new AgentError(
    'ring/moving',
    'retry',
    `ring: went on ${attempts} times while it was copied; wanted a quieter moment`,
  );
}

interface Found {
  readonly checkpoint: Checkpoint;
  readonly parts: readonly ImagePart[];
}

async function newest(disk: Disk, directory: string, keys: RingKeys): Promise<Found | null> {
  const [generation] = await listCheckpoints(disk, directory);
  const checkpoint = generation === undefined ? null : await readCheckpoint(disk, directory, generation, keys);
  if (generation === undefined || checkpoint === null) return null;
  const name = nameOf(generation);
  const file = await disk.open(`${directory}/${name}`, 'read-only');
  try {
    const parts: ImagePart[] = [];
    for await (const part of piecesOf(file, name, 0, await file.size())) parts.push(part);
    return { checkpoint, parts };
  } finally {
    await file.close();
  }
}

/** False: some segment was freed and begun anew before it had been copied. */
async function* copied(
  disk: Disk,
  directory: string,
  { segments, segmentBytes, segment, offset }: Checkpoint,
): AsyncGenerator<ImagePart, boolean> {
  const file = await disk.open(`${directory}/ring.log`, 'read-only');
  try {
    for (const one of segments) {
      if (one.slot < 0) continue;
      const end = one.id === segment ? offset : one.end;
      if (!(yield* copiedSegment(file, one, one.slot * segmentBytes, end))) return false;
    }
    return true;
  } finally {
    await file.close();
  }
}

async function* copiedSegment(
  file: DiskFile,
  { id }: Segment,
  start: number,
  end: number,
): AsyncGenerator<ImagePart, boolean> {
  yield* piecesOf(file, 'ring.log', start, start + end);
  const page = Buffer.alloc(pageBytes);
  await file.read(page, start);
  // Its header is the first thing that is written of a segment; a damaged one says nothing.
  return (decodeSegmentHeader(page)?.id ?? id) === id;
}

async function* piecesOf(file: DiskFile, name: string, from: number, to: number): AsyncGenerator<ImagePart> {
  for (let offset = from; offset < to; ) {
    const bytes = Buffer.allocUnsafeSlow(Math.min(pieceBytes, to - offset));
    const length = await file.read(bytes, offset);
    if (length === 0) return;
    const piece = bytes.subarray(0, length);
    if (piece.some((byte) => byte !== 0)) yield { kind: 'bytes', name, offset, bytes: piece };
    offset += length;
  }
}
