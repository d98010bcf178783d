import { DroppedTopics } from './dropped-topics.ts';
import type { PendingGap } from './gaps.ts';
import type { Keeper } from './keeper.ts';
import { viewOf } from './layout.ts';
import type { Matcher } from './matcher.ts';
import { entriesOf } from './record.ts';
import type { Batch } from './tail.ts';

/** What has expired at the head of what waits for a cursor. */
export interface Expired {
  readonly gap: PendingGap | null;
  readonly found: readonly number[];
  /** Up to here nothing waits that is not in `found`. */
  readonly readTo: number;
  /** When the first record that has not expired will; null: the batch ends before there is one. */
  readonly headExpiresAt: number | null;
}

/** The records of the batch after `after` that match, up to the first that is to be handed out yet. */
export function expiredIn(
  batch: Batch,
  matcher: Matcher,
  keeper: Keeper,
  after: number,
  upTo: number,
  now: number,
): Expired {
  const view = viewOf(batch.bytes);
  const topics = new DroppedTopics();
  const found: number[] = [];
  let readTo = after;
  let headExpiresAt: number | null = null;
  for (const { at, sequence, record } of entriesOf(batch)) {
    if (sequence <= after) continue;
    if (sequence > upTo) break;
    const topic = matcher.topicIfWanted(batch.bytes, view, at, sequence);
    if (topic !== null) {
      const expiresAt = keeper.expiresAt(topic, record.born, record.body);
      if (expiresAt >= now) {
        headExpiresAt = expiresAt;
        break;
      }
      found.push(sequence);
      topics.add(topic);
    }
    readTo = sequence;
  }
  if (headExpiresAt === null) readTo = Math.max(readTo, Math.min(upTo, batch.last));
  const [from] = found;
  const to = found.at(-1);
  const none = from === undefined || to === undefined;
  const gap = none ? null : { from, to, count: found.length, reason: 'expired' as const, topics: topics.top() };
  return { gap, found, readTo, headExpiresAt };
}
