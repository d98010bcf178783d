import { TopicIndex } from '#kernel';
import type { AcceptRule, LinkRule } from '#links';
import type { Lane } from '#ring';
import type { Configuration } from './config/read.ts';

const lanes = { urgent: 0, normal: 1, bulk: 2 } as const;

/** The `[[link]]`s as the links room wants them. */
export function linkRules({ link }: Configuration): LinkRule[] {
  return link.map(({ name, to, topics, prefix, lane, qos, qos0, retain, ttl }) => ({
    name: name ?? to,
    to,
    topics,
    prefix,
    lane: lanes[lane],
    qos,
    qos0,
    retain,
    ttl: ttl ?? null,
  }));
}

/** The `[[accept]]`s as the links room wants them. */
export const acceptRules = ({ accept }: Configuration): AcceptRule[] =>
  accept.map(({ from, topics, max_file }) => ({ from, topics, maxFileBytes: max_file ?? 0 }));

/** The lane that a local publish is recorded in: the most urgent of the links that take it, normal when none does. */
export function laneOf(rules: readonly LinkRule[]): (topic: string) => Lane {
  const index = new TopicIndex<Lane>();
  for (const { topics, lane } of rules) for (const topic of topics) index.add(topic, lane);
  return (topic) => {
    const found = [...index.match(topic)];
    return found.length === 0 ? 1 : (Math.min(...found) as Lane);
  };
}
