import { type DroppedTopic, DroppedTopics } from './dropped-topics.ts';
import { viewOf } from './layout.ts';
import type { Log } from './log.ts';
import { Matcher, type Names } from './matcher.ts';
import type { Position } from './position.ts';
import { entriesOf } from './record.ts';
import type { Segment } from './segment.ts';
import { Walker } from './walker.ts';

/** Which topics each of the cursors would lose with a segment. What cannot be read is left out. */
export async function surveyed(
  log: Log,
  segment: Segment,
  losers: readonly Position[],
  names: Names,
): Promise<ReadonlyMap<Position, readonly DroppedTopic[]>> {
  const each = losers
    .filter(({ id, discoverTo }) => segment.matches.has(id) || discoverTo >= segment.first)
    .map((position) => ({ position, matcher: new Matcher(position, names), topics: new DroppedTopics() }));
  const walker = new Walker(log, () => undefined);
  for (let after = segment.first - 1; each.length > 0 && after < segment.last; ) {
    const step = await walker.next(after, segment.last);
    if (step === null) break;
    if (step.kind === 'batch') {
      const view = viewOf(step.batch.bytes);
      for (const { at, sequence } of entriesOf(step.batch))
        for (const { position, matcher, topics } of each) {
          if (sequence <= position.settledTo || sequence > segment.last) continue;
          const topic = matcher.topicIfWanted(step.batch.bytes, view, at, sequence);
          if (topic !== null) topics.add(topic);
        }
    }
    after = step.kind === 'lost' ? step.to : step.batch.last;
    walker.reuse();
  }
  walker.release();
  walker.reuse();
  return new Map(each.map(({ position, topics }) => [position, topics.top()]));
}
