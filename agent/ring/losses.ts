import { tallyOf } from './batch.ts';
import type { Log } from './log.ts';
import type { Matcher } from './matcher.ts';
import type { Position } from './position.ts';
import type { Segment } from './segment.ts';
import type { Lost, Walker } from './walker.ts';

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

/**
 * How many records had matched up to `lastLost`, as the batch behind it says: exact, however many others are damaged. Null
 * when it says nothing of the cursor, or was damaged too.
 */
async function talliedThrough(
  walker: Walker,
  position: Position,
  lastLost: number,
  durable: number,
): Promise<number | null> {
  const step = lastLost < durable ? await walker.next(lastLost, durable) : null;
  let matched: number | null = null;
  if (step?.kind === 'batch' && step.batch.first === lastLost + 1) {
    const { bytes, from } = step.batch;
    for (const { cursor, live } of tallyOf(bytes, step.batch, from))
      if (cursor === position.id) matched = live + position.discovered;
  }
  walker.release();
  walker.reuse();
  return matched;
}

/** How many records of the segment after `after` can still be read and match. */
async function matchesAfter(walker: Walker, matcher: Matcher, segment: Segment, after: number): Promise<number> {
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

/** How many had matched up to the end of what is lost: as the batch behind it says; else what the segment had, less what can still be read of it. */
export async function matchedUpTo(
  { log, durable }: { readonly log: Log; readonly durable: number },
  position: Position,
  matcher: Matcher,
  { segment, from, to }: Lost,
  walker: Walker,
): Promise<number> {
  const exact = segment.lost === null && from > position.discoverTo;
  const tallied = exact ? await talliedThrough(walker, position, to, durable) : null;
  if (tallied !== null) return tallied;
  const found = to < segment.last ? await matchesAfter(walker, matcher, segment, to) : 0;
  return matchedThrough(log, position, segment) - found;
}
