import { topicMatches } from '#kernel';

export interface Subscription {
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** MQTT 5 §3.8.3.1: 0 always sends retained messages, 1 for a new subscription, 2 never. */
  readonly retainHandling: 0 | 1 | 2;
  readonly identifier: number | null;
}

/** What a client's subscriptions together say about one topic. */
export interface Match {
  readonly qos: 0 | 1 | 2;
  readonly retainAsPublished: boolean;
  readonly identifiers: readonly number[];
}

const cachedTopics = 256;

/** One client's subscriptions. Overlapping ones give one copy: the highest QoS, every identifier (MQTT 5 §3.3.4). */
export class Subscriptions {
  readonly #byFilter = new Map<string, Subscription>();
  readonly #cache = new Map<string, Match | null>();
  #noLocal = 0;

  get count(): number {
    return this.#byFilter.size;
  }

  /** Some subscription does not want the client's own messages. */
  get hasNoLocal(): boolean {
    return this.#noLocal > 0;
  }

  get(filter: string): Subscription | undefined {
    return this.#byFilter.get(filter);
  }

  filters(): string[] {
    return [...this.#byFilter.keys()];
  }

  values(): Iterable<Subscription> {
    return this.#byFilter.values();
  }

  set(subscription: Subscription): void {
    this.delete(subscription.filter);
    this.#byFilter.set(subscription.filter, subscription);
    if (subscription.noLocal) this.#noLocal++;
  }

  delete(filter: string): boolean {
    this.#cache.clear();
    if (this.#byFilter.get(filter)?.noLocal) this.#noLocal--;
    return this.#byFilter.delete(filter);
  }

  /** Null: no subscription takes it. `own`: this client published it. */
  match(topic: string, own: boolean): Match | null {
    if (own && this.#noLocal > 0) return this.#find(topic, true);
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    if (this.#cache.size >= cachedTopics) this.#cache.clear();
    const found = this.#find(topic, false);
    this.#cache.set(topic, found);
    return found;
  }

  #find(topic: string, own: boolean): Match | null {
    let qos = -1;
    let retainAsPublished = false;
    const identifiers: number[] = [];
    for (const each of this.#byFilter.values()) {
      if ((own && each.noLocal) || !topicMatches(each.filter, topic)) continue;
      qos = Math.max(qos, each.qos);
      retainAsPublished ||= each.retainAsPublished;
      if (each.identifier !== null) identifiers.push(each.identifier);
    }
    return qos < 0 ? null : { qos: qos as 0 | 1 | 2, retainAsPublished, identifiers };
  }
}
