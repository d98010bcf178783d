import type { OutgoingRule } from '#bus';
import { lifeOf } from '#codec';
import type { PublicKey } from '#kernel';
import { topicMatches } from '#kernel';
import type { CursorKeeping, Keeping, Lane } from '#ring';
import { AnswerCache } from './cache.ts';
import type { LinkRule, LinkView } from './types.ts';

const topicsCached = 4096;
export const cursorPrefix = 'link/';

/** All links to one contact on one lane: one cursor, one order. */
export interface Flow {
  readonly to: PublicKey;
  readonly lane: Lane;
  readonly cursor: string;
  readonly filters: readonly string[];
  /** The first link in the order of the configuration that takes the topic. */
  readonly ruleFor: (topic: string) => OutgoingRule | null;
  /** How long what waits for it is worth being sent. */
  readonly keeping: CursorKeeping;
}

export const cursorOf = (to: PublicKey, lane: Lane): string => `${cursorPrefix}${to}/${lane}`;

export function viewsOf(rules: readonly LinkRule[], contacts: ReadonlyMap<string, PublicKey>): LinkView[] {
  return rules.flatMap(({ name, to, lane, topics }) => {
    const publicKey = contacts.get(to);
    return publicKey === undefined ? [] : [{ name, to, publicKey, lane, topics, cursor: cursorOf(publicKey, lane) }];
  });
}

export function flowsOf(rules: readonly LinkRule[], contacts: ReadonlyMap<string, PublicKey>): Flow[] {
  const together = new Map<string, { to: PublicKey; lane: Lane; rules: LinkRule[] }>();
  for (const rule of rules) {
    const to = contacts.get(rule.to);
    if (to === undefined) continue;
    const cursor = cursorOf(to, rule.lane);
    const known = together.get(cursor);
    if (known === undefined) together.set(cursor, { to, lane: rule.lane, rules: [rule] });
    else known.rules.push(rule);
  }
  return [...together].map(([cursor, { to, lane, rules: own }]) => ({
    to,
    lane,
    cursor,
    filters: [...new Set(own.flatMap((rule) => rule.topics))],
    ruleFor: finderOf(own),
    keeping: { of: keepingOf(own), lifeOf },
  }));
}

function finderOf(rules: readonly LinkRule[]): (topic: string) => OutgoingRule | null {
  const outgoing = rules.map(({ topics, prefix, qos, retain }) => ({ topics, rule: { prefix, maxQos: qos, retain } }));
  const answers = new AnswerCache<OutgoingRule | null>(topicsCached);
  const find = (topic: string): OutgoingRule | null =>
    outgoing.find(({ topics }) => topics.some((filter) => topicMatches(filter, topic)))?.rule ?? null;
  return (topic) => answers.get(topic, find);
}

/** By the same link that gives the prefix. */
function keepingOf(rules: readonly LinkRule[]): (topic: string) => Keeping | null {
  const keepings = rules.map(({ topics, ttl }) => ({ topics, keeping: ttl === null ? null : { ttl } }));
  const answers = new AnswerCache<Keeping | null>(topicsCached);
  const find = (topic: string): Keeping | null =>
    keepings.find(({ topics }) => topics.some((filter) => topicMatches(filter, topic)))?.keeping ?? null;
  return (topic) => answers.get(topic, find);
}
