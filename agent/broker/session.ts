import { assert, type Clock, type Log, messageOf, type Sequence, sequence } from '#kernel';
import type { Cursor, GapRecord, MessageRecord, Ring } from '#ring';
import type { ClientLink } from './client-link.ts';
import { type Entry, Flight, packetIdOf } from './flight.ts';
import type { Counters } from './limits.ts';
import { expirySeconds, packetType, reason, writeAcknowledgement, writePublish } from './packets.ts';
import { Receipts } from './receipts.ts';
import { lowerQos, type Recipient, RetainedSource } from './recipient.ts';
import { type Match, Subscriptions } from './subscriptions.ts';
import type { BrokerLimits } from './types.ts';

export interface SessionContext {
  readonly ring: Ring;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: BrokerLimits;
  readonly counters: Counters;
  readonly inflight: number;
}

const readRecords = 256;
const readBytes = 64 << 10;
const ownSequences = 65_536;

/**
 * A persistent session: a cursor over the ring and a pump that gives its client what the cursor reads. Everything
 * reaches the client this way and in this order; there is no other queue. States of a record here:
 *
 *   unread → sent (PUBLISH written) → QoS 1: done at PUBACK
 *                                   → QoS 2: received (PUBREC; recorded durably, then PUBREL) → done at PUBCOMP
 *   done records are settled from the front; settled means never sent again.
 *
 * After a reconnect or a crash the cursor starts again behind the last settled record: what may have been sent before
 * goes out again under the same packet id with DUP, or as PUBREL when its PUBREC was recorded.
 */
export class Session implements Recipient {
  readonly client: string;
  readonly cursor: Cursor;
  readonly subscriptions = new Subscriptions();
  /** Inbound QoS 2 packet ids that wait for PUBREL; on disk as `incoming/<client>/<id>`. */
  readonly incoming = new Set<number>();
  expirySeconds: number;
  /** Made by the CONNECT that is under way: not "present" in its CONNACK. */
  isNew = false;
  /** Sequences this client published itself, while it has a No Local subscription. */
  readonly #own = new Set<number>();
  readonly #context: SessionContext;
  readonly #flight = new Flight();
  readonly #receipts: Receipts;
  /** Ordinals finished out of order before a reconnect in this run. */
  readonly #finished = new Set<number>();
  /** The settled ordinals of the last commits. */
  readonly #settledBefore = [0, 0, 0];
  /** Retained messages sent at SUBSCRIBE: this connection's only. */
  readonly #extras = new Set<number>();
  readonly #retained: RetainedSource[] = [];
  #connection: ClientLink | null = null;
  #attachedAt = 0;
  #readOrdinal = 0;
  #sentOrdinal = 0;
  #restart = false;
  #pumping = false;
  #removed = false;

  constructor(client: string, cursor: Cursor, expiry: number, received: Set<number>, context: SessionContext) {
    this.client = client;
    this.cursor = cursor;
    this.expirySeconds = expiry;
    this.#receipts = new Receipts(context.ring, client, received);
    this.#context = context;
  }

  get connection(): ClientLink | null {
    return this.#connection;
  }

  get inFlight(): number {
    return this.#flight.open;
  }

  /** Everything durable has been sent: a message that was not stored may go out without overtaking. */
  get caughtUp(): boolean {
    return !this.#pumping && !this.#restart && !this.cursor.readable;
  }

  attach(connection: ClientLink): void {
    assert(this.#connection === null, `session ${this.client} attached twice`);
    this.#connection = connection;
    this.isNew = false;
    this.#attachedAt = this.#context.ring.durable;
    this.#restart = true;
    this.pump();
  }

  /** Forgets what is bound to the connection; the ring keeps the rest. */
  detach(connection: ClientLink): void {
    if (this.#connection !== connection) return;
    this.settle();
    for (const ordinal of this.#flight.finishedAhead()) this.#finished.add(ordinal);
    this.#connection = null;
    this.#flight.clear();
    this.#extras.clear();
    this.#retained.length = 0;
    this.#receipts.detach();
  }

  /** The session ends: no more is read or settled. */
  remove(): Sequence {
    this.#removed = true;
    this.#connection = null;
    return this.cursor.remove();
  }

  /** A record of this client's own (No Local). */
  published(at: number): void {
    if (this.subscriptions.hasNoLocal && this.#own.size < ownSequences) this.#own.add(at);
  }

  acknowledged(type: number, id: number, code: number): void {
    const entry = this.#flight.find(id);
    if (entry === undefined) {
      this.#acknowledgedUnknown(type, id, code);
    } else if (type === packetType.puback && entry.qos === 1) {
      this.#flight.finish(entry);
    } else if (type === packetType.pubrec && entry.qos === 2) {
      if (code >= 0x80) this.#flight.finish(entry);
      else this.#receive(entry);
    } else if (type === packetType.pubcomp && entry.received) {
      this.#flight.finish(entry);
    }
  }

  /** Writes down the PUBRECs that have come, settles what is finished, and reads on. */
  settle(): void {
    this.#settleFinished();
    this.#receipts.record(this.#flight);
    this.pump();
  }

  drained(): void {
    this.pump();
  }

  /** New durable records may match; PUBRELs may go. */
  durable(upTo: number): void {
    for (const entry of this.#receipts.durable(upTo)) this.#release(entry.id);
    this.#forget();
    if (this.#connection !== null) this.pump();
  }

  /** The disk takes state again. */
  room(): void {
    this.#receipts.record(this.#flight);
  }

  retained(records: Iterable<MessageRecord>, match: Match): void {
    this.#retained.push(new RetainedSource(records, match));
    this.#sendRetained();
  }

  /** A QoS 0 message that no ring record was made of. */
  passed(message: { topic: string; body: Uint8Array; retain: boolean }, own: boolean): void {
    const connection = this.#connection;
    const match = connection === null ? null : this.subscriptions.match(message.topic, own);
    if (connection === null || match === null) return;
    if (!this.caughtUp || connection.output.backlog > this.#context.limits.outputBytes) {
      this.#context.counters.count('dropped-live');
      return;
    }
    const { topic, body } = message;
    const retain = message.retain && match.retainAsPublished;
    const delivery = { qos: 0 as const, id: 0, dup: false, retain, identifiers: match.identifiers };
    writePublish(
      connection.output,
      connection.version,
      { topic, body, ageSeconds: 0 },
      delivery,
      connection.maxSendBytes,
    );
    this.#context.counters.sent++;
  }

  /** Reads on while the client keeps up. */
  pump(): void {
    this.#sendRetained();
    if (this.#pumping || !this.#canRead()) return;
    this.#pumping = true;
    this.#run().catch((error: unknown) => {
      this.#context.log.error('session-read', { client: this.client, why: messageOf(error) });
      this.#connection?.close(null);
    });
  }

  async #run(): Promise<void> {
    try {
      await this.#readOn();
    } finally {
      this.#pumping = false;
    }
  }

  async #readOn(): Promise<void> {
    while (this.#canRead()) {
      if (this.#restart) this.#rewind();
      const window = this.#window();
      const records = await this.cursor.read(Math.min(readRecords, window - this.#flight.open), readBytes);
      if (this.#removed) return;
      if (this.#restart) continue;
      const connection = this.#connection;
      if (connection === null) {
        this.#restart = true;
        return;
      }
      for (const record of records) this.#take(connection, record);
      this.#settleFinished();
    }
    this.#pumping = false;
  }

  /**
   * Retained messages are not in the cursor's order, so they take packet ids that its window cannot reach soon; they
   * live with this connection only.
   */
  #sendRetained(): void {
    const connection = this.#connection;
    while (connection !== null && this.#retained[0] !== undefined) {
      if (connection.output.backlog > this.#context.limits.outputBytes || this.#extras.size >= this.#window()) return;
      const { match } = this.#retained[0];
      const record = this.#retained[0].next();
      if (record === undefined) this.#retained.shift();
      else this.#sendExtra(connection, record, match);
    }
  }

  #sendExtra(connection: ClientLink, record: MessageRecord, match: Match): void {
    const qos = lowerQos(record.qos, match.qos);
    const id = qos > 0 ? this.#extraId() : 0;
    const delivery = { qos, id, dup: false, retain: true, identifiers: match.identifiers };
    if (this.#write(connection, record, delivery) && qos > 0) this.#extras.add(id);
  }

  #settleFinished(): void {
    const finished = this.#flight.takeFinished();
    if (finished !== null && !this.#removed) this.cursor.settle(sequence(finished.upTo), finished.refused);
  }

  /**
   * Ordinals that are settled on disk need not be remembered. A settled position is durable with the commit after the
   * one under way, so what was settled three commits ago is.
   */
  #forget(): void {
    const settled = this.#settledBefore.shift() ?? 0;
    this.#settledBefore.push(this.cursor.settledOrdinal);
    this.#receipts.forget(settled);
    for (const ordinal of this.#finished) if (ordinal <= settled) this.#finished.delete(ordinal);
  }

  #canRead(): boolean {
    const connection = this.#connection;
    if (connection === null || this.#removed || this.#retained.length > 0) return false;
    if (!this.cursor.readable && !this.#restart) return false;
    const window = this.#window();
    if (this.#flight.open > window - Math.ceil(window / 4) || this.#flight.count > 4 * window + readRecords)
      return false;
    return connection.output.backlog <= this.#context.limits.outputBytes;
  }

  #window(): number {
    return Math.max(1, Math.min(this.#context.inflight, this.#connection?.receiveMaximum ?? 1, 16_384));
  }

  #rewind(): void {
    this.#restart = false;
    this.cursor.rewind();
    this.#readOrdinal = this.cursor.settledOrdinal;
    this.#flight.clear();
  }

  #take(connection: ClientLink, record: MessageRecord | GapRecord): void {
    if (record.kind === 'gap') {
      // Dropped records are settled already, also those that had been read; lost ones still count from here.
      if (this.cursor.position >= record.to) this.#readOrdinal = this.cursor.settledOrdinal;
      else this.#readOrdinal += record.count;
      this.#skip(record.to, 0, 0);
      return;
    }
    const ordinal = ++this.#readOrdinal;
    const own = this.#own.size > 0 && this.#own.delete(record.sequence);
    const match = this.subscriptions.match(record.topic, own);
    if (match === null) {
      this.#skip(record.sequence, ordinal, 1);
      return;
    }
    const qos = lowerQos(record.qos, match.qos);
    if (qos === 0) this.#takeQos0(connection, record, match, ordinal);
    else this.#takeQos(connection, record, match, ordinal, qos);
  }

  /** QoS 0 for a client that was away is not given out, as mosquitto does it. */
  #takeQos0(connection: ClientLink, record: MessageRecord, match: Match, ordinal: number): void {
    if (record.sequence <= this.#attachedAt) {
      this.#context.counters.count('skipped-qos0');
      this.#skip(record.sequence, ordinal, 1);
      return;
    }
    const retain = record.retain && match.retainAsPublished;
    const sent = this.#write(connection, record, { qos: 0, id: 0, dup: false, retain, identifiers: match.identifiers });
    this.#skip(record.sequence, ordinal, sent ? 0 : 1);
  }

  #takeQos(connection: ClientLink, record: MessageRecord, match: Match, ordinal: number, qos: 1 | 2): void {
    const id = packetIdOf(ordinal);
    const entry: Entry = { ordinal, sequence: record.sequence, id, qos, received: false, done: false, refused: 0 };
    if (this.#finished.has(ordinal)) {
      this.#flight.push({ ...entry, done: true });
      return;
    }
    if (qos === 2 && this.#receipts.has(ordinal)) {
      entry.received = true;
      this.#flight.push(entry);
      this.#release(id);
      return;
    }
    const dup = ordinal <= this.#sentOrdinal || record.epoch !== this.#context.ring.epoch;
    const retain = record.retain && match.retainAsPublished;
    if (!this.#write(connection, record, { qos, id, dup, retain, identifiers: match.identifiers })) {
      this.#skip(record.sequence, ordinal, 1);
      return;
    }
    this.#sentOrdinal = Math.max(this.#sentOrdinal, ordinal);
    this.#flight.push(entry);
  }

  /** A record that needs no answer. */
  #skip(at: number, ordinal: number, refused: number): void {
    this.#flight.push({ ordinal, sequence: at, id: 0, qos: 0, received: false, done: true, refused });
  }

  #write(connection: ClientLink, record: MessageRecord, how: Parameters<typeof writePublish>[3]): boolean {
    const ageSeconds = Math.floor(record.age / 1000);
    if (ageSeconds > 0 && expirySeconds(record.body) <= ageSeconds) {
      this.#context.counters.count('expired');
      return false;
    }
    const message = { topic: record.topic, body: record.body, ageSeconds };
    if (writePublish(connection.output, connection.version, message, how, connection.maxSendBytes) === 0) {
      this.#context.counters.count('too-large');
      return false;
    }
    this.#context.counters.sent++;
    return true;
  }

  #receive(entry: Entry): void {
    if (this.#receipts.has(entry.ordinal)) this.#release(entry.id);
    else if (!entry.received) {
      entry.received = true;
      this.#receipts.add(entry);
    }
  }

  #release(id: number): void {
    const { output } = this.#connection ?? {};
    if (output !== undefined) writeAcknowledgement(output, packetType.pubrel, id, reason.success);
  }

  #acknowledgedUnknown(type: number, id: number, code: number): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (type !== packetType.pubrec || code >= 0x80) this.#extras.delete(id);
    else writeAcknowledgement(connection.output, packetType.pubrel, id, reason.success);
  }

  #extraId(): number {
    let id = packetIdOf(this.#readOrdinal + 32_768);
    while (this.#extras.has(id)) id = (id % 65_535) + 1;
    return id;
  }
}
