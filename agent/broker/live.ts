import { BoundedQueue, type Clock, type Instant, TopicIndex } from '#kernel';
import type { MessageRecord } from '#ring';
import type { ClientLink } from './client-link.ts';
import type { Counters } from './limits.ts';
import { type Delivery, expirySeconds, packetType, reason, writeAcknowledgement, writePublish } from './packets.ts';
import { lowerQos, type Recipient, RetainedSource } from './recipient.ts';
import { type Match, Subscriptions } from './subscriptions.ts';
import type { BrokerLimits } from './types.ts';

/** A message on its way to live subscribers. */
export interface LiveMessage {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly body: Uint8Array;
  readonly born: Instant;
  readonly publisher: ClientLink | null;
}

interface Waiting {
  readonly message: LiveMessage;
  readonly match: Match;
  readonly retain: boolean;
}

/**
 * A subscriber whose session ends with its connection: messages as they come, at most `window` unacknowledged, a
 * bounded queue behind them, and beyond that they are dropped. Nothing of it outlives the connection.
 */
export class LiveSubscriber implements Recipient {
  readonly subscriptions = new Subscriptions();
  readonly #connection: ClientLink;
  readonly #clock: Clock;
  readonly #limits: BrokerLimits;
  readonly #counters: Counters;
  readonly #window: number;
  /** Packet id → whether PUBREC has come. */
  readonly #flight = new Map<number, boolean>();
  readonly #queue: BoundedQueue<Waiting>;
  readonly #retained: RetainedSource[] = [];
  #lastId = 0;

  constructor(connection: ClientLink, clock: Clock, limits: BrokerLimits, window: number, counters: Counters) {
    this.#connection = connection;
    this.#clock = clock;
    this.#limits = limits;
    this.#counters = counters;
    this.#window = window;
    this.#queue = new BoundedQueue(limits.liveQueue);
  }

  take(message: LiveMessage): void {
    const match = this.subscriptions.match(message.topic, message.publisher === this.#connection);
    if (match !== null) this.#offer({ message, match, retain: message.retain && match.retainAsPublished });
  }

  retained(records: Iterable<MessageRecord>, match: Match): void {
    this.#retained.push(new RetainedSource(records, match));
    this.#drain();
  }

  acknowledged(type: number, id: number, code: number): void {
    const received = this.#flight.get(id);
    if (type === packetType.pubrec && code < 0x80) {
      if (received !== undefined) this.#flight.set(id, true);
      writeAcknowledgement(this.#connection.output, packetType.pubrel, id, reason.success);
    } else if (received !== undefined) {
      this.#flight.delete(id);
    }
  }

  settle(): void {
    this.#drain();
  }

  drained(): void {
    this.#drain();
  }

  #offer(waiting: Waiting): void {
    if (this.#queue.count === 0 && this.#retained.length === 0 && this.#send(waiting)) return;
    const crowded = this.#connection.output.backlog > this.#limits.outputBytes * 4;
    if (crowded || !this.#queue.push(waiting)) this.#counters.count('dropped-live');
  }

  #drain(): void {
    while (this.#retained[0] !== undefined) {
      if (!this.#hasRoom(2)) return;
      const { match } = this.#retained[0];
      const record = this.#retained[0].next();
      if (record === undefined) this.#retained.shift();
      else this.#send({ message: liveOf(record, this.#clock.now()), match, retain: true });
    }
    for (let next = this.#queue.peek(); next !== undefined && this.#send(next); next = this.#queue.peek()) {
      this.#queue.shift();
    }
  }

  /** False when the window or the socket is full. */
  #send({ message, match, retain }: Waiting): boolean {
    const connection = this.#connection;
    const qos = lowerQos(message.qos, match.qos);
    if (!this.#hasRoom(qos)) return false;
    const ageSeconds = Math.floor((this.#clock.now() - message.born) / 1000);
    if (ageSeconds > 0 && expirySeconds(message.body) <= ageSeconds) {
      this.#counters.count('expired');
      return true;
    }
    const id = qos > 0 ? this.#nextId() : 0;
    const how: Delivery = { qos, id, dup: false, retain, identifiers: match.identifiers };
    const { topic, body } = message;
    const bytes = writePublish(
      connection.output,
      connection.version,
      { topic, body, ageSeconds },
      how,
      connection.maxSendBytes,
    );
    if (bytes === 0) this.#counters.count('too-large');
    else {
      this.#counters.sent++;
      if (qos > 0) this.#flight.set(id, false);
    }
    return true;
  }

  #hasRoom(qos: number): boolean {
    if (this.#connection.output.backlog > this.#limits.outputBytes) return false;
    return qos === 0 || this.#flight.size < this.#window;
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId % 65_535) + 1;
    while (this.#flight.has(this.#lastId));
    return this.#lastId;
  }
}

function liveOf({ topic, qos, retain, body, age }: MessageRecord, now: Instant): LiveMessage {
  return { topic, qos, retain, body, born: (now - age) as Instant, publisher: null };
}

const cachedTopics = 4_096;
const nobody: readonly LiveSubscriber[] = [];

/** All live subscribers by topic. */
export class LiveSubscribers {
  readonly #index = new TopicIndex<LiveSubscriber>();
  readonly #cache = new Map<string, readonly LiveSubscriber[]>();
  #filters = 0;

  get filterCount(): number {
    return this.#filters;
  }

  add(subscriber: LiveSubscriber, filter: string): void {
    this.#cache.clear();
    this.#index.add(filter, subscriber);
    this.#filters++;
  }

  remove(subscriber: LiveSubscriber, filter: string): void {
    this.#cache.clear();
    this.#index.remove(filter, subscriber);
    this.#filters--;
  }

  match(topic: string): readonly LiveSubscriber[] {
    if (this.#filters === 0) return nobody;
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    if (this.#cache.size >= cachedTopics) this.#cache.clear();
    const found = [...this.#index.match(topic)];
    this.#cache.set(topic, found);
    return found;
  }

  publish(message: LiveMessage): void {
    for (const subscriber of this.match(message.topic)) subscriber.take(message);
  }
}
