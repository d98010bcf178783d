import { AgentError, type Clock, type Log, sequence } from '#kernel';
import type { Ring } from '#ring';
import { Consumer } from './consumer.ts';

/** Consumers of one ring; each is looked at after every commit, and costs the ring a cursor. */
export const limits = { consumers: 64, topics: 16 };

const prefix = 'consumer/';

export interface ConsumersPorts {
  readonly ring: Ring;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry {
  readonly consumer: Consumer;
  topics: readonly string[];
}

/**
 * Programs that hear of what comes in, by name: each has a cursor in the ring and its topics in the ring's state. They are
 * there until they are removed; what they do not fetch falls under the ring's policy for what is full.
 */
export class Consumers {
  readonly #ports: ConsumersPorts;
  readonly #entries = new Map<string, Entry>();
  #unlisten: () => void = () => undefined;

  constructor(ports: ConsumersPorts) {
    this.#ports = ports;
  }

  /** Takes up what the last run left. Before anything reads. */
  open(): void {
    const { ring, log } = this.#ports;
    for (const [key, value] of [...ring.states(prefix)]) {
      this.#enter(key.slice(prefix.length), JSON.parse(Buffer.from(value).toString()) as readonly string[], 'now');
    }
    for (const { name } of [...ring.cursors()]) {
      if (!name.startsWith(prefix) || this.#entries.has(name.slice(prefix.length))) continue;
      log.warn('consumer-half-made', { cursor: name });
      ring.cursor({ name, filters: [], except: null, from: 'now' }).remove();
    }
    this.#unlisten = ring.onDurable(() => {
      for (const { consumer } of this.#entries.values()) consumer.durable();
    });
  }

  close(): void {
    this.#unlisten();
  }

  get(name: string): Consumer | undefined {
    return this.#entries.get(name)?.consumer;
  }

  all(): readonly (readonly [name: string, consumer: Consumer, topics: readonly string[]])[] {
    return [...this.#entries].map(([name, { consumer, topics }]) => [name, consumer, topics]);
  }

  /**
   * Makes the consumer, or gives it other topics from now on. Durable when it resolves. `api/too-many` at the limit,
   * `api/disk` when the ring takes it not.
   */
  async set(name: string, topics: readonly string[], from: 'oldest' | 'now'): Promise<void> {
    const known = this.#entries.get(name);
    if (known === undefined && this.#entries.size >= limits.consumers) {
      const text = `consumers: found ${this.#entries.size}, wanted no more; hypha consumers remove NAME`;
      throw new AgentError('api/too-many', 'reject', text);
    }
    if (known !== undefined && same(known.topics, topics)) return;
    if (known === undefined) this.#enter(name, topics, from);
    else known.consumer.cursor.setFilters(topics);
    const { ring } = this.#ports;
    const stored = ring.append([{ kind: 'state', key: prefix + name, value: Buffer.from(JSON.stringify(topics)) }]);
    if (!stored.ok) {
      if (known === undefined) this.#drop(name);
      else known.consumer.cursor.setFilters(known.topics);
      throw new AgentError('api/disk', 'retry', `consumers: the ring is ${stored.reason}, wanted room`);
    }
    const entry = this.#entries.get(name);
    if (entry !== undefined) entry.topics = topics;
    await ring.whenDurable(stored.last);
  }

  /** False: there is none. */
  async remove(name: string): Promise<boolean> {
    if (!this.#entries.has(name)) return false;
    const { ring } = this.#ports;
    const stored = ring.append([{ kind: 'state', key: prefix + name, value: null }]);
    if (!stored.ok) throw new AgentError('api/disk', 'retry', `consumers: the ring is ${stored.reason}, wanted room`);
    await ring.whenDurable(sequence(Math.max(stored.last, this.#drop(name))));
    return true;
  }

  #drop(name: string): number {
    const at = this.#entries.get(name)?.consumer.remove() ?? 0;
    this.#entries.delete(name);
    return at;
  }

  #enter(name: string, topics: readonly string[], from: 'oldest' | 'now'): void {
    const { ring, clock, log } = this.#ports;
    const cursor = ring.cursor({ name: prefix + name, filters: topics, except: null, from });
    this.#entries.set(name, { consumer: new Consumer(cursor, { clock, log, durable: () => ring.durable }), topics });
  }
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((topic) => b.includes(topic));
