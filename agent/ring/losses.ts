import type { Log } from './log.ts';
import type { Matcher } from './matcher.ts';
import type { Position } from './position.ts';
import type { Segment } from './segment.ts';
import type { Walker } from './walker.ts';

/** How many records had matched up to the end of a segment. */
export function matchedThrough(log: Log, position: Position, segment: Segment): number {
  let later = 0;
  for (let index = log.segments.length - 1; index >= 0; index--) {
    const other = log.segments[index] as Segment;
    if (other.id <= segment.id) break;
    later += other.matches.get(position.id) ?? 0;
  }
  return position.matched - later;
}

/** How many records of the segment after `after` can still be read and match. */
export async function matchesAfter(walker: Walker, matcher: Matcher, segment: Segment, after: number): Promise<number> {
  let found = 0;
  for (let at = after; at < segment.last; ) {
    const step = await walker.next(at, segment.last);
    if (step === null) break;
    if (step.kind === 'batch') for (const _ of matcher.matching(step.batch, at, segment.last)) found++;
    at = step.kind === 'lost' ? step.to : step.batch.last;
  }
  walker.release();
  walker.reuse();
  return found;
}
