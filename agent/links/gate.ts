import type { PublicKey } from '#kernel';
import { topicMatches } from '#kernel';
import { AnswerCache } from './cache.ts';
import type { AcceptRule } from './types.ts';

const topicsCached = 1024;

interface Entrance {
  readonly filters: readonly string[];
  readonly answers: AnswerCache<boolean>;
  readonly files: readonly { readonly filters: readonly string[]; readonly maxBytes: number }[];
}

/** What may come in, from whom: nothing that no `[[accept]]` names. */
export class Gate {
  readonly #entrances = new Map<PublicKey, Entrance>();

  constructor(rules: readonly AcceptRule[], contacts: ReadonlyMap<string, PublicKey>, others: Iterable<PublicKey>) {
    for (const key of others) this.#entrances.set(key, entrance([]));
    for (const [name, key] of contacts) {
      const own = rules.filter((rule) => rule.from === '*' || rule.from === name);
      const entries = own.map(({ topics, maxFileBytes = 0 }) => ({
        filters: topics.map((topic) => topic.replaceAll('{contact}', name)),
        maxBytes: maxFileBytes,
      }));
      if (own.length > 0) this.#entrances.set(key, entrance(entries));
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

  /** The largest file that may come from there on that topic; 0: none. */
  fileLimit(from: PublicKey, topic: string): number {
    const fitting = (this.#entrances.get(from)?.files ?? []).filter(({ filters }) =>
      filters.some((filter) => topicMatches(filter, topic)),
    );
    return Math.max(0, ...fitting.map(({ maxBytes }) => maxBytes));
  }
}

function entrance(entries: Entrance['files']): Entrance {
  const filters = entries.flatMap((entry) => entry.filters);
  return { filters, answers: new AnswerCache(topicsCached), files: entries.filter(({ maxBytes }) => maxBytes > 0) };
}
