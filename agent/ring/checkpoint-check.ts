import { pageBytes } from '#kernel';
import type { Checkpoint } from './checkpoint.ts';
import { isSegmentSize } from './layout.ts';
import type { Position } from './position.ts';
import type { Segment } from './segment.ts';

/** Further than any medium reaches, at the smallest segments: 4 TiB. */
const mostSlots = 2 ** 26;

/**
 * Whether a checkpoint says what a ring could have said. Its checksum only tells that it is as somebody wrote it, and what
 * contradicts itself would send a start, or a reader, round and round.
 */
export function isPlausible(checkpoint: Checkpoint): boolean {
  const { segmentBytes, segments, offset, segment, position, positions, nextCursorId } = checkpoint;
  if (!isSegmentSize(segmentBytes) || !isPlace(offset, segmentBytes)) return false;
  if (segments.at(-1)?.id !== segment) return false;
  if (!segments.every((each, index) => follows(each, segments[index - 1], checkpoint))) return false;
  const slots = segments.map(({ slot }) => slot).filter((slot) => slot >= 0);
  if (new Set(slots).size !== slots.length) return false;
  const ids = new Set(positions.map(({ id }) => id));
  return ids.size === positions.length && positions.every((each) => isWithin(each, position, nextCursorId));
}

const isPlace = (offset: number, segmentBytes: number): boolean =>
  offset >= pageBytes && offset <= segmentBytes && offset % pageBytes === 0;

/** Ids and sequences rise from segment to segment, up to the checkpoint's position. */
function follows(segment: Segment, before: Segment | undefined, { position, segmentBytes }: Checkpoint): boolean {
  const { id, slot, first, last, end } = segment;
  if (slot < -1 || slot >= mostSlots || !isPlace(end, segmentBytes)) return false;
  if (id <= (before?.id ?? 0) || first <= (before?.last ?? 0)) return false;
  return first <= last + 1 && last <= position;
}

const isWithin = ({ id, settledTo, discoverTo }: Position, position: number, nextCursorId: number): boolean =>
  id < nextCursorId && settledTo <= position && discoverTo <= position;
