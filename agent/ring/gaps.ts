import type { ByteReader, ByteWriter } from './bytes.ts';
import { type DroppedTopic, together } from './dropped-topics.ts';
import type { DropReason } from './types.ts';

/** Numbers are on disk and on the wire: append only. */
export const dropReasons: readonly DropReason[] = ['full', 'damaged', 'expired', 'refused', 'superseded'];

/** Records dropped from under a cursor that its owner has not settled yet. */
export interface PendingGap {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly reason: DropReason;
  readonly topics: readonly DroppedTopic[];
}

/** More stretches of different reasons are told as fewer: the account keeps the reasons apart, the gap names the larger. */
const stretches = 4;

/** The gaps with one more behind them. */
export function withGap(gaps: readonly PendingGap[], gap: PendingGap): readonly PendingGap[] {
  const last = gaps.at(-1);
  if (last?.reason === gap.reason) return [...gaps.slice(0, -1), joined(last, gap)];
  if (gaps.length < stretches) return [...gaps, gap];
  const at = smallestPair(gaps);
  return [...gaps.slice(0, at), joined(gaps[at] as PendingGap, gaps[at + 1] as PendingGap), ...gaps.slice(at + 2), gap];
}

/** What is left when everything up to `settledTo` is settled and `count` records are still to be told of. */
export function gapsAfter(gaps: readonly PendingGap[], settledTo: number, count: number): readonly PendingGap[] {
  const left = gaps.filter(({ to }) => to > settledTo);
  const [first, ...others] = left;
  if (first === undefined || count <= 0) return [];
  const rest = Math.max(0, count - countOf(others));
  if (rest === 0) return others;
  const whole = rest === first.count && first.from > settledTo;
  const topics = whole ? first.topics : [];
  return [{ ...first, from: Math.max(first.from, settledTo + 1), count: rest, topics }, ...others];
}

export const countOf = (gaps: readonly PendingGap[]): number => gaps.reduce((sum, { count }) => sum + count, 0);

function joined(a: PendingGap, b: PendingGap): PendingGap {
  const reason = b.count > a.count ? b.reason : a.reason;
  return { from: a.from, to: b.to, count: a.count + b.count, reason, topics: together(a.topics, b.topics) };
}

function smallestPair(gaps: readonly PendingGap[]): number {
  let best = 0;
  const size = (at: number): number => (gaps[at]?.count ?? 0) + (gaps[at + 1]?.count ?? 0);
  for (let at = 1; at + 1 < gaps.length; at++) if (size(at) < size(best)) best = at;
  return best;
}

export function writeGaps(out: ByteWriter, gaps: readonly PendingGap[]): void {
  out.uint16(gaps.length);
  for (const { from, to, count, reason, topics } of gaps) {
    out.uint16(dropReasons.indexOf(reason));
    out.uint48(from);
    out.uint48(to);
    out.uint48(count);
    writeTopics(out, topics);
  }
}

export function readGaps(reader: ByteReader): PendingGap[] {
  const gaps: PendingGap[] = [];
  for (let left = reader.uint16(); left > 0; left--) {
    const reason = dropReasons[reader.uint16()] ?? 'full';
    gaps.push({
      from: reader.uint48(),
      to: reader.uint48(),
      count: reader.uint48(),
      reason,
      topics: readTopics(reader),
    });
  }
  return gaps;
}

export function writeTopics(out: ByteWriter, topics: readonly DroppedTopic[]): void {
  out.uint16(topics.length);
  for (const { topic, count } of topics) {
    out.bytes(Buffer.from(topic));
    out.uint48(count);
  }
}

export function readTopics(reader: ByteReader): DroppedTopic[] {
  const topics: DroppedTopic[] = [];
  for (let left = reader.uint16(); left > 0; left--)
    topics.push({ topic: reader.bytes().toString(), count: reader.uint48() });
  return topics;
}
