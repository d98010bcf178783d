import { pageBytes } from '#kernel';
import { lanes } from './lanes.ts';
import type { Log } from './log.ts';
import { matchedThrough } from './losses.ts';
import type { Position } from './position.ts';
import type { Segment } from './segment.ts';

/** More than this is not read and written in one go. */
const mostSegments = 32;

/** What was found to be wanted of a segment when it was read: so many bytes, when its cursors had so many records to come. */
export type Findings = WeakMap<Segment, { readonly bytes: number; readonly wanted: number }>;

/**
 * Neighbouring old segments whose wanted records are expected to fit in one: as many as can be, the oldest first. Fewer
 * than two would gain nothing: then none.
 */
export function planned(
  log: Log,
  positions: ReadonlyMap<number, Position>,
  coveredTo: number,
  findings: Findings,
): readonly Segment[] {
  const room = log.geometry.segmentBytes - 2 * pageBytes;
  let best: readonly Segment[] = [];
  const run: { segment: Segment; bytes: number }[] = [];
  let sum = 0;
  for (const segment of log.segments) {
    const bytes = mayMove(log, segment, coveredTo) ? expected(log, segment, positions, findings) : room + 1;
    run.push({ segment, bytes });
    sum += bytes;
    while (sum > room || run.length > mostSegments) sum -= run.shift()?.bytes ?? 0;
    if (run.length > best.length) best = run.map((each) => each.segment);
  }
  return best.length < 2 ? [] : best;
}

/** Behind both checkpoints. */
function mayMove(log: Log, segment: Segment, coveredTo: number): boolean {
  if (segment === log.active || segment.slot < 0 || segment.lost !== null) return false;
  return segment.last >= segment.first && segment.last <= coveredTo;
}

/** Bytes that are still wanted of a segment, by what its cursors have not settled durably. */
function expected(log: Log, segment: Segment, positions: ReadonlyMap<number, Position>, findings: Findings): number {
  const wanted = wantedIn(log, segment, positions);
  const found = findings.get(segment);
  const most = ofWantedLanes(segment, positions);
  if (found !== undefined && wanted <= found.wanted)
    return Math.min(most, Math.ceil((found.bytes * wanted) / Math.max(1, found.wanted)));
  const records = segment.sparse ? keptIn(segment, positions) : segment.last - segment.first + 1;
  return Math.min(most, Math.ceil(Math.min(1, wanted / Math.max(1, records)) * (segment.end - pageBytes)));
}

/** Bytes of the segment in lanes that somebody has still to come: a lane's records may be few and large. */
function ofWantedLanes({ matches, last, laneBytes }: Segment, positions: ReadonlyMap<number, Position>): number {
  const wanting = [...positions.values()].filter(
    ({ id, durableTo, discoverTo }) => durableTo < last && (matches.has(id) || discoverTo > durableTo),
  );
  const wanted = lanes.filter((lane) =>
    wanting.some(({ newestOf, discoverTo, durableTo }) => Math.max(newestOf[lane] ?? 0, discoverTo) > durableTo),
  );
  return wanted.reduce<number>((sum, lane) => sum + (laneBytes[lane] ?? 0), 0);
}

/** Of a compacted segment, about how many records it was made with. */
function keptIn({ matches, last }: Segment, positions: ReadonlyMap<number, Position>): number {
  let kept = 0;
  for (const [id, count] of matches) if ((positions.get(id)?.durableTo ?? last) < last) kept += count;
  return kept;
}

/** Records of the segment that cursors may still read; one that two want counts twice. */
export function wantedIn(log: Log, segment: Segment, positions: ReadonlyMap<number, Position>): number {
  let wanted = 0;
  for (const position of positions.values()) {
    const { durableTo, durableOrdinal, discoverTo, id } = position;
    if (durableTo >= segment.last) continue;
    if (discoverTo >= segment.first) wanted += segment.last - segment.first + 1;
    const count = segment.matches.get(id) ?? 0;
    const within = durableTo >= segment.first;
    wanted += within ? Math.min(count, Math.max(0, matchedThrough(log, position, segment) - durableOrdinal)) : count;
  }
  return wanted;
}
