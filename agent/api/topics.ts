import { type Address, AgentError } from '#kernel';
import type { Ring } from '#ring';
import { type IpRange, isWithin, parseRange } from './subnets.ts';

interface Topic {
  readonly topic: Uint8Array;
  readonly sources: readonly IpRange[];
  readonly forward: string | null;
}

const limits = { topics: 1000, sources: 256, topicBytes: 255, pathBytes: 4096 };
const prefix = 'api/topic/';
const defaultKey = 'api/topics/default';

type TopicRing = Pick<Ring, 'append' | 'whenDurable' | 'state' | 'states'>;

/**
 * Which plain messages may come in by topic, as stock's topic configuration has it: a topic that is configured takes
 * messages of its sources alone; all others follow the default. Kept in the ring's state: a change is durable when its
 * promise resolves. Rejects with `api/disk` when the ring takes it not, `api/too-many` at a bound.
 */
export class Topics {
  readonly #ring: TopicRing;
  readonly #topics = new Map<string, Topic>();
  #acceptsOthers: boolean;

  constructor(ring: TopicRing) {
    this.#ring = ring;
    this.#acceptsOthers = ring.state(defaultKey)?.[0] !== 0;
    for (const [key, value] of ring.states(prefix)) this.#load(key.slice(prefix.length), value);
  }

  /** True for topics that are not configured when all may send them. */
  get acceptsOthers(): boolean {
    return this.#acceptsOthers;
  }

  /** `source`: named in the topic's own list. `default`: the topic is not configured, and such are accepted. */
  admits(topic: Uint8Array, from: Address): 'source' | 'default' | 'refused' {
    const configured = this.#topics.get(nameOf(topic));
    if (configured === undefined) return this.#acceptsOthers ? 'default' : 'refused';
    return configured.sources.some((range) => isWithin(range, from)) ? 'source' : 'refused';
  }

  all(): readonly Uint8Array[] {
    return [...this.#topics.values()].map(({ topic }) => topic);
  }

  /** Undefined: the topic is not configured. */
  sources(topic: Uint8Array): readonly string[] | undefined {
    return this.#topics.get(nameOf(topic))?.sources.map(({ text }) => text);
  }

  forward(topic: Uint8Array): string | null {
    return this.#topics.get(nameOf(topic))?.forward ?? null;
  }

  setDefault(accept: boolean): Promise<void> {
    return this.#write(defaultKey, Uint8Array.of(accept ? 1 : 0), () => {
      this.#acceptsOthers = accept;
    });
  }

  async add(topic: Uint8Array): Promise<void> {
    if (!this.#topics.has(nameOf(topic))) await this.#set({ topic, sources: [], forward: null });
  }

  async remove(topic: Uint8Array): Promise<void> {
    const name = nameOf(topic);
    if (this.#topics.has(name)) await this.#write(prefix + name, null, () => this.#topics.delete(name));
  }

  /** Makes the topic if it is not there, as stock does. */
  async addSource(topic: Uint8Array, source: IpRange): Promise<void> {
    const { sources, forward } = this.#get(topic);
    if (sources.length >= limits.sources) throw tooMany(`sources: found ${sources.length}, wanted ${limits.sources}`);
    await this.#set({ topic, sources: [...sources, source], forward });
  }

  async removeSource(topic: Uint8Array, source: IpRange): Promise<void> {
    const { sources, forward } = this.#get(topic);
    const left = sources.filter(({ text }) => text !== source.text);
    if (left.length < sources.length) await this.#set({ topic, sources: left, forward });
  }

  /** Nothing happens to a topic that is not configured, as with stock. */
  async setForward(topic: Uint8Array, path: string | null): Promise<void> {
    if (path !== null && Buffer.byteLength(path) > limits.pathBytes) throw tooMany('socket path: found a longer one');
    if (this.#topics.has(nameOf(topic))) await this.#set({ ...this.#get(topic), forward: path });
  }

  #get(topic: Uint8Array): Topic {
    return this.#topics.get(nameOf(topic)) ?? { topic, sources: [], forward: null };
  }

  #set(topic: Topic): Promise<void> {
    const name = nameOf(topic.topic);
    if (!this.#topics.has(name) && this.#topics.size >= limits.topics) {
      return Promise.reject(tooMany(`topics: found ${limits.topics}, wanted no more`));
    }
    if (topic.topic.length > limits.topicBytes) {
      return Promise.reject(tooMany(`topic: found ${topic.topic.length} bytes, wanted ${limits.topicBytes} at most`));
    }
    const value = { sources: topic.sources.map(({ text }) => text), forward: topic.forward };
    const kept = { ...topic, topic: Uint8Array.from(topic.topic) };
    return this.#write(prefix + name, Buffer.from(JSON.stringify(value)), () => this.#topics.set(name, kept));
  }

  #load(name: string, value: Uint8Array): void {
    const found = JSON.parse(Buffer.from(value).toString()) as { sources: string[]; forward: string | null };
    const sources = found.sources.map(parseRange).filter((range) => range !== null);
    this.#topics.set(name, { topic: Buffer.from(name, 'base64url'), sources, forward: found.forward });
  }

  /** What holds here holds on disk before anybody is told so. */
  async #write(key: string, value: Uint8Array | null, change: () => void): Promise<void> {
    const appended = this.#ring.append([{ kind: 'state', key, value }]);
    if (!appended.ok) throw new AgentError('api/disk', 'retry', `topics: the ring is ${appended.reason}, wanted room`);
    change();
    await this.#ring.whenDurable(appended.last);
  }
}

const nameOf = (topic: Uint8Array): string => Buffer.from(topic).toString('base64url');

const tooMany = (text: string): AgentError => new AgentError('api/too-many', 'reject', text);
