import { BoundedQueue, type Clock, type Instant, type Log, milliseconds } from '#kernel';
import type { Entry, Lane, Ring } from '#ring';
import type { ClientLink, Held } from './client-link.ts';
import type { Counters } from './limits.ts';
import type { LiveMessage, LiveSubscribers } from './live.ts';
import { hasPayload, type InboundPublish, packetType, reason } from './packets.ts';
import { stateKey } from './session-state.ts';
import type { BrokerLimits } from './types.ts';
import { Waiting } from './waiting.ts';

export interface IntakeContext {
  readonly ring: Ring;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: BrokerLimits;
  readonly counters: Counters;
  readonly live: LiveSubscribers;
  readonly lane: (topic: string) => Lane;
  readonly passQos0: (topic: string) => boolean;
  /** A QoS 0 message that is not stored: persistent sessions get it when they have caught up. */
  readonly passed: (message: LiveMessage) => void;
}

/** What became of a publish: taken (and answered in its time), or to be offered again when there is room. */
export type Taken = 'taken' | 'no-room';

const none = new Uint8Array(0);
const ownPublishes = 1_024;

/** What the agent publishes itself, or a will, waiting for room. */
interface OwnPublish {
  readonly message: LiveMessage;
  /** State that changes in the same commit. */
  readonly with: readonly Entry[];
}

/**
 * Takes publishes in: what a cursor wants or what is retained goes into the ring and is answered when it is durable;
 * everything is given to live subscribers, stored messages when they are durable. Answers leave in order of arrival.
 *
 * Without room (policy refuse, or a disk that takes nothing) a QoS 1 or 2 publish is held at its connection, nothing
 * is answered, and it is offered again, in order, when there is room. No client ever gets an error for it.
 */
export class Intake {
  readonly #context: IntakeContext;
  readonly #waiting = new Waiting();
  readonly #holding = new Set<ClientLink>();
  readonly #own = new BoundedQueue<OwnPublish>(ownPublishes);
  #heldBytes = 0;
  #refusal: 'full' | 'stalled' = 'full';

  constructor(context: IntakeContext) {
    this.#context = context;
  }

  /** The last publish found no room only because the disk has more under way than it keeps up with. */
  get isBusy(): boolean {
    return this.#refusal === 'stalled' && this.#context.ring.status.state === 'ok';
  }

  /** Publishes whose answer waits for the sync or for room. */
  get held(): number {
    let held = this.#waiting.count + this.#own.count;
    for (const connection of this.#holding) held += connection.held.count;
    return held;
  }

  publish(connection: ClientLink, publish: InboundPublish): Taken {
    const { topic, qos, id } = publish;
    if (!mayPublish(topic)) return this.#refuse(connection, publish);
    if (qos === 2 && connection.incoming.has(id)) {
      this.#context.counters.count('duplicates');
      this.#answer(connection, packetType.pubrec, id, reason.success, null);
      return 'taken';
    }
    if (this.#wants(publish)) return this.#store(connection, publish);
    this.#context.counters.received++;
    if (qos === 2) connection.incoming.add(id);
    const message = this.#message(connection, publish);
    if (qos === 0) this.#context.passed(message);
    this.#answer(connection, acknowledgementOf(qos), id, reason.success, message);
    return 'taken';
  }

  /** PUBREL: the packet id is free again, durably so before PUBCOMP. */
  release(connection: ClientLink, id: number): Taken {
    const { session } = connection;
    if (session !== null && connection.incoming.has(id)) {
      const key = stateKey.incoming(session.client, id);
      if (this.#context.ring.state(key) !== undefined) {
        const appended = this.#context.ring.append([{ kind: 'state', key, value: null }]);
        if (!appended.ok) return 'no-room';
        connection.incoming.delete(id);
        this.#waiting.push(appended.last, connection, packetType.pubcomp, id, reason.success, null);
        return 'taken';
      }
    }
    connection.incoming.delete(id);
    this.#answer(connection, packetType.pubcomp, id, reason.success, null);
    return 'taken';
  }

  /** Publishes what no client waits for; `entries` change in the same commit. */
  own(message: LiveMessage, entries: readonly Entry[]): void {
    const item: OwnPublish = { message, with: entries };
    if (this.#own.count === 0 && this.#storeOwn(item)) return;
    if (this.#own.push(item)) return;
    this.#context.counters.count('dropped-own');
  }

  /** A will that a crash left: published and cleared in one commit. */
  ownWill(client: string, message: LiveMessage): void {
    this.own(message, [{ kind: 'state', key: stateKey.will(client), value: null }]);
  }

  /** Answers and gives out everything up to `durable`. */
  durable(durable: number): void {
    for (let next = this.#waiting.take(durable); next !== undefined; next = this.#waiting.take(durable)) {
      if (next.connection !== null) next.connection.answer(next.type, next.id, next.code);
      if (next.message !== null) this.#context.live.publish(next.message);
    }
  }

  /** Offers what was held again, each client's in order. */
  room(): void {
    for (let next = this.#own.peek(); next !== undefined && this.#storeOwn(next); next = this.#own.peek()) {
      this.#own.shift();
    }
    for (const connection of [...this.#holding]) connection.offerHeld();
  }

  /** Accounts for what a connection holds; false: no more can be held. */
  hold(connection: ClientLink, held: Held): boolean {
    const { heldBytes, heldBytesInAll, receiveMaximum } = this.#context.limits;
    if (connection.held.count >= receiveMaximum || connection.heldBytes + held.bytes > heldBytes) return false;
    if (this.#heldBytes + held.bytes > heldBytesInAll) return false;
    this.#holding.add(connection);
    this.#heldBytes += held.bytes;
    return true;
  }

  letGo(connection: ClientLink, held: Held): void {
    this.#heldBytes -= held.bytes;
    if (connection.held.count === 0) this.#holding.delete(connection);
  }

  #store(connection: ClientLink, publish: InboundPublish): Taken {
    const { topic, qos, retain, id, body } = publish;
    const entries: Entry[] = [this.#entry(topic, qos, retain, body)];
    const { session } = connection;
    if (qos === 2 && session !== null) {
      entries.push({ kind: 'state', key: stateKey.incoming(session.client, id), value: none });
    }
    const appended = this.#context.ring.append(entries);
    if (!appended.ok) return this.#notStored(connection, publish, appended.reason);
    this.#context.counters.received++;
    session?.published(appended.first);
    if (qos === 2) connection.incoming.add(id);
    const message = this.#message(connection, publish);
    const wantedLive = this.#context.live.match(topic).length > 0;
    if (qos > 0 || wantedLive) {
      this.#waiting.push(appended.last, connection, acknowledgementOf(qos), id, 0, wantedLive ? message : null);
    }
    return 'taken';
  }

  #notStored(connection: ClientLink, publish: InboundPublish, why: 'full' | 'stalled' | 'too-large'): Taken {
    if (why === 'too-large') {
      this.#context.counters.count('too-large');
      connection.close(reason.packetTooLarge);
      return 'taken';
    }
    this.#refusal = why;
    if (publish.qos > 0) return 'no-room';
    this.#context.counters.count('dropped-qos0');
    this.#answer(connection, 0, 0, 0, this.#message(connection, publish));
    return 'taken';
  }

  /** MQTT 5 is told; a 3.1.1 client can only be cut, for an acknowledgement would be a lie. */
  #refuse(connection: ClientLink, { qos, id }: InboundPublish): Taken {
    this.#context.counters.count('refused-publishes');
    if (connection.version !== 5) connection.close(null);
    else if (qos > 0) this.#answer(connection, acknowledgementOf(qos), id, reason.notAuthorized, null);
    return 'taken';
  }

  /** Answers at once, or behind what this connection still waits for. */
  #answer(connection: ClientLink, type: number, id: number, code: number, message: LiveMessage | null): void {
    if (connection.waiting > 0) {
      this.#waiting.push(this.#waiting.last, connection, type, id, code, message);
      return;
    }
    if (type !== 0) connection.write(type, id, code);
    if (message !== null) this.#context.live.publish(message);
  }

  #wants({ topic, qos, retain }: InboundPublish): boolean {
    if (retain) return true;
    if (qos === 0 && this.#context.passQos0(topic)) return false;
    return this.#context.ring.wanted(topic, null);
  }

  #storeOwn({ message, with: entries }: OwnPublish): boolean {
    const { topic, qos, retain, body } = message;
    const stored = retain || this.#context.ring.wanted(topic, null);
    const all = stored ? [this.#entry(topic, qos, retain, body), ...entries] : entries;
    if (all.length === 0) {
      this.#context.live.publish(message);
      return true;
    }
    const appended = this.#context.ring.append(all);
    if (!appended.ok && appended.reason !== 'too-large') return false;
    if (appended.ok) this.#waiting.push(appended.last, null, 0, 0, 0, message);
    return true;
  }

  #entry(topic: string, qos: 0 | 1 | 2, retain: boolean, body: Uint8Array): Entry {
    const latest = !retain ? 'none' : hasPayload(body) ? 'set' : 'clear';
    const lane = this.#context.lane(topic);
    return { kind: 'message', topic, lane, qos, retain, latest, body, provenance: null, age: milliseconds(0) };
  }

  #message(publisher: ClientLink, { topic, qos, retain, body }: InboundPublish): LiveMessage {
    return { topic, qos, retain, body, born: this.#context.clock.now() as Instant, publisher };
  }
}

const acknowledgementOf = (qos: 0 | 1 | 2): number =>
  qos === 0 ? 0 : qos === 1 ? packetType.puback : packetType.pubrec;

/** The agent's own tree is read-only but for requests; `$` topics are the broker's. */
function mayPublish(topic: string): boolean {
  if (topic.startsWith('$')) return false;
  return !(topic === 'hypha' || topic.startsWith('hypha/')) || topic.startsWith('hypha/request/');
}
