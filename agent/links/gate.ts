import type { PublicKey } from '#kernel';
import { topicMatches } from '#kernel';
import { AnswerCache } from './cache.ts';
import type { AcceptRule } from './types.ts';

const topicsCached = 1024;

interface Entrance {
  readonly filters: readonly string[];
  readonly answers: AnswerCache<boolean>;
}

/** What may come in, from whom: nothing that no `[[accept]]` names. */
export class Gate {
  readonly #entrances = new Map<PublicKey, Entrance>();

  constructor(rules: readonly AcceptRule[], contacts: ReadonlyMap<string, PublicKey>, others: Iterable<PublicKey>) {
    for (const key of others) this.#entrances.set(key, entrance([]));
    for (const [name, key] of contacts) {
      const own = rules.filter((rule) => rule.from === '*' || rule.from === name);
      const filters = own.flatMap((rule) => rule.topics.map((topic) => topic.replaceAll('{contact}', name)));
      if (filters.length > 0) this.#entrances.set(key, entrance(filters));
    }
  }

  /** Some rule lets this node in, or some link goes there, whose answers have to come back. */
  knows(from: PublicKey): boolean {
    return this.#entrances.has(from);
  }

  accepts(from: PublicKey, topic: string): boolean {
    const way = this.#entrances.get(from);
    return way?.answers.get(topic, () => way.filters.some((filter) => topicMatches(filter, topic))) ?? false;
  }
}

const entrance = (filters: readonly string[]): Entrance => ({ filters, answers: new AnswerCache(topicsCached) });
