/** Records of one topic that were dropped. */
export interface DroppedTopic {
  readonly topic: string;
  readonly count: number;
}

/** A gap names so many topics, the most frequent first. */
export const topicsNamed = 8;
const topicsCounted = 256;
/** A longer one is counted, not named: gaps are kept in the cursor's settled state. */
const longestName = 256;

/** What a gap is made of, by topic. Bounded: beyond 256 topics the later ones are in the gap's count alone. */
export class DroppedTopics {
  readonly #counts = new Map<string, number>();

  add(topic: string, count = 1): void {
    const known = this.#counts.get(topic);
    if (known !== undefined) this.#counts.set(topic, known + count);
    else if (this.#counts.size < topicsCounted && topic.length <= longestName) this.#counts.set(topic, count);
  }

  top(): readonly DroppedTopic[] {
    return most([...this.#counts].map(([topic, count]) => ({ topic, count })));
  }
}

/** Of two stretches one: a count may be too low by then, never too high. */
export function together(a: readonly DroppedTopic[], b: readonly DroppedTopic[]): readonly DroppedTopic[] {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const counts = new DroppedTopics();
  for (const { topic, count } of [...a, ...b]) counts.add(topic, count);
  return counts.top();
}

function most(topics: DroppedTopic[]): readonly DroppedTopic[] {
  topics.sort((a, b) => b.count - a.count || (a.topic < b.topic ? -1 : 1));
  return topics.slice(0, topicsNamed);
}
