import { Readable } from 'node:stream';
import { decodeBody } from '#codec';
import { milliseconds, topicMatches } from '#kernel';
import type { MessageRecord, Ring } from '#ring';
import { AedesQueue, type QueuedPacket } from './aedes-queue.ts';
import { neverExpires, type Sessions } from './sessions.ts';
import type { Subscription } from './subscriptions.ts';
import type { WillOwner, WillPacket, Wills } from './will-table.ts';
import { bodyOf, type PacketProperties, type Will } from './wills.ts';

/** What aedes' persistences know of a broker. */
export interface AedesBroker {
  readonly id: string;
}

/** A client, or as little of one as aedes passes on. */
export interface AedesClient extends WillOwner {
  readonly id: string;
  readonly clean?: boolean;
  readonly connecting?: boolean;
  readonly conn?: unknown;
}

/** A subscription as aedes names its parts. */
export interface AedesSubscription {
  readonly topic: string;
  readonly qos: number;
  readonly nl?: boolean | undefined;
  readonly rap?: boolean | undefined;
  readonly rh?: number | undefined;
  readonly subscriptionIdentifier?: number | undefined;
  readonly clientId?: string;
}

export interface RetainedPacket {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos?: number;
  readonly properties?: PacketProperties;
}

const level = (value: number | undefined): 0 | 1 | 2 => (value === 2 ? 2 : value === 1 ? 1 : 0);

export const subscriptionOf = (from: AedesSubscription): Subscription => ({
  filter: from.topic,
  qos: level(from.qos),
  noLocal: from.nl === true,
  retainAsPublished: from.rap === true,
  retainHandling: level(from.rh),
  identifier: from.subscriptionIdentifier ?? null,
});

const aedesSubscription = (from: Subscription): AedesSubscription => ({
  topic: from.filter,
  qos: from.qos,
  rh: from.retainHandling,
  rap: from.retainAsPublished,
  nl: from.noLocal,
  ...(from.identifier === null ? {} : { subscriptionIdentifier: from.identifier }),
});

/** aedes' persistence (the contract of aedes-persistence 10.3.1) on the ring. */
export class RingPersistence {
  readonly queue = new AedesQueue();
  readonly #ring: Ring;
  readonly #sessions: Sessions;
  readonly #wills: Wills;
  #broker: AedesBroker = { id: '' };

  constructor(ring: Ring, sessions: Sessions, wills: Wills) {
    this.#ring = ring;
    this.#sessions = sessions;
    this.#wills = wills;
  }

  get broker(): AedesBroker {
    return this.#broker;
  }

  async setup(broker: AedesBroker): Promise<void> {
    this.#broker = broker;
  }

  async storeRetained({ topic, payload, qos, properties }: RetainedPacket): Promise<void> {
    const body = bodyOf(payload, properties);
    const latest = payload.length > 0 ? 'set' : 'clear';
    const appended = this.#ring.append([
      {
        kind: 'message',
        topic,
        lane: 1,
        qos: level(qos),
        retain: true,
        latest,
        body,
        provenance: null,
        age: milliseconds(0),
      },
    ]);
    if (!appended.ok) throw new Error(`broker: retained message not stored, ring ${appended.reason}`);
    await this.#ring.whenDurable(appended.last);
  }

  createRetainedStream(pattern: string): Readable {
    return this.createRetainedStreamCombi([pattern]);
  }

  createRetainedStreamCombi(patterns: readonly string[]): Readable {
    const records = patterns.flatMap((pattern) => [...this.#ring.latestMatching(pattern)]);
    return Readable.from(records.map((record) => this.#retainedPacket(record)));
  }

  async addSubscriptions(client: AedesClient, subscriptions: readonly AedesSubscription[]): Promise<void> {
    const session = this.#sessions.get(client.id) ?? (await this.#sessions.create(client.id, neverExpires));
    for (const each of subscriptions) session.subscriptions.set(subscriptionOf(each));
    await this.#sessions.save(session);
  }

  async removeSubscriptions(client: AedesClient, filters: readonly string[]): Promise<void> {
    const session = this.#sessions.get(client.id);
    if (session === undefined) return;
    const removed = filters.filter((filter) => session.subscriptions.delete(filter));
    if (removed.length > 0) await this.#sessions.save(session);
  }

  async subscriptionsByClient(client: AedesClient): Promise<AedesSubscription[]> {
    return [...(this.#sessions.get(client.id)?.subscriptions.values() ?? [])].map(aedesSubscription);
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    let subsCount = 0;
    let clientsCount = 0;
    for (const { subscriptions } of this.#sessions.values()) {
      if (subscriptions.count > 0) clientsCount++;
      for (const { qos } of subscriptions.values()) if (qos > 0) subsCount++;
    }
    return { subsCount, clientsCount };
  }

  async subscriptionsByTopic(topic: string): Promise<AedesSubscription[]> {
    const found: AedesSubscription[] = [];
    for (const { client, subscriptions } of this.#sessions.values()) {
      for (const each of subscriptions.values()) {
        if (each.qos === 0 || !topicMatches(each.filter, topic)) continue;
        found.push({ clientId: client, ...aedesSubscription(each) });
      }
    }
    const rank = ({ topic: filter }: AedesSubscription) => (filter.endsWith('#') ? 0 : 1);
    return found.sort((one, other) => rank(one) - rank(other));
  }

  async cleanSubscriptions(client: AedesClient): Promise<void> {
    const session = this.#sessions.get(client.id);
    if (session !== undefined) await this.#sessions.end(session);
  }

  /** There was a session before the CONNECT that asks. */
  hadSession(client: string): boolean {
    return this.#sessions.get(client)?.isNew === false;
  }

  /** Ends the client's session, unless another connection has it. */
  async endSession(client: AedesClient): Promise<void> {
    const session = this.#sessions.get(client.id);
    if (session === undefined) return;
    if (session.connection === null || session.connection.side === client.conn) await this.#sessions.end(session);
  }

  getClientList(filter: string): Readable {
    const holders = [...this.#sessions.values()].filter((session) => session.subscriptions.get(filter) !== undefined);
    return Readable.from(holders.map((session) => session.client));
  }

  async putWill(client: AedesClient, packet: WillPacket): Promise<void> {
    packet.brokerId = this.#broker.id;
    packet.clientId = client.id;
    await this.#wills.put(client.id, packet, client.conn === undefined ? null : client, this.#broker.id);
  }

  async getWill(client: AedesClient): Promise<WillPacket | undefined> {
    const will = this.#wills.get(client.id);
    return will === undefined ? undefined : willPacket(client.id, will);
  }

  async delWill(client: AedesClient): Promise<WillPacket | undefined> {
    const will = await this.#wills.drop(client.id);
    return will === undefined ? undefined : willPacket(client.id, will);
  }

  streamWill(brokers: Readonly<Record<string, unknown>> = {}): Readable {
    const orphans = [...this.#wills.all()].filter(([, will]) => brokers[will.brokerId] === undefined);
    return Readable.from(orphans.map(([client, will]) => willPacket(client, will)));
  }

  async outgoingEnqueue(subscription: { clientId: string }, packet: QueuedPacket): Promise<void> {
    await this.outgoingEnqueueCombi([subscription], packet);
  }

  async outgoingEnqueueCombi(subscriptions: readonly { clientId: string }[], packet: QueuedPacket): Promise<void> {
    for (const { clientId } of subscriptions) this.queue.enqueue(clientId, copyOf(packet));
  }

  async outgoingUpdate(client: AedesClient, packet: QueuedPacket): Promise<void> {
    this.queue.update(client.id, packet);
  }

  async outgoingClearMessageId(client: AedesClient, packet: QueuedPacket): Promise<QueuedPacket | undefined> {
    return this.queue.clear(client.id, packet.messageId);
  }

  outgoingStream(client: AedesClient): Readable {
    return Readable.from(this.queue.outgoing(client.id));
  }

  async incomingStorePacket(client: AedesClient, packet: QueuedPacket): Promise<void> {
    const { messageId = 0 } = packet;
    this.queue.store(client.id, messageId, { ...copyOf(packet), messageId });
  }

  async incomingGetPacket(client: AedesClient, packet: QueuedPacket): Promise<QueuedPacket> {
    return this.queue.stored(client.id, packet.messageId ?? 0);
  }

  async incomingDelPacket(client: AedesClient, packet: QueuedPacket): Promise<void> {
    this.queue.release(client.id, packet.messageId ?? 0);
  }

  async destroy(): Promise<void> {}

  #retainedPacket({ topic, qos, body }: MessageRecord): Record<string, unknown> {
    const payload = Buffer.from(decodeBody(body).payload);
    return { cmd: 'publish', id: this.#broker.id, topic, payload, qos, retain: true };
  }
}

function willPacket(clientId: string, { topic, qos, retain, body, brokerId }: Will): WillPacket {
  const payload = Buffer.from(decodeBody(body).payload);
  return { topic, payload, qos, retain, brokerId, clientId };
}

/** The fields that aedes' queued packets have; a message id is given later. */
function copyOf({
  cmd,
  topic,
  payload,
  qos,
  retain,
  dup = false,
  brokerId,
  brokerCounter,
}: QueuedPacket): QueuedPacket {
  const copy = { cmd, topic, payload, qos, retain, dup, messageId: undefined };
  return {
    ...copy,
    ...(brokerId === undefined ? {} : { brokerId }),
    ...(brokerCounter === undefined ? {} : { brokerCounter }),
  };
}
