import type { Duplex } from 'node:stream';
import { Aedes, type Subscription as AedesSub, type AuthenticateError, type Client, type ConnectPacket } from 'aedes';
import { encodeBody, type Publication } from '#codec';
import { after, type Env, isTopicFilter, messageOf, seconds, type Timer } from '#kernel';
import type { Ring } from '#ring';
import { Connection } from './connection.ts';
import { Intake } from './intake.ts';
import { Counters, defaultLimits, maxTopicLevels, topicAliasMaximum } from './limits.ts';
import { LiveSubscriber, LiveSubscribers } from './live.ts';
import { RingPersistence, subscriptionOf } from './persistence.ts';
import { ServicePersistence } from './service-persistence.ts';
import type { Session } from './session.ts';
import { neverExpires, Sessions } from './sessions.ts';
import type { Match } from './subscriptions.ts';
import type { Broker, BrokerLimits, BrokerOptions, BrokerStatus, StoredMessage } from './types.ts';
import { type WillPacket, Wills } from './will-table.ts';

/**
 * The broker on this ring. Promises: a QoS 1 or 2 publish that a cursor wants, or that is retained, is acknowledged
 * only when it is durable; a persistent session gets every message from its cursor, in order, and in no other way.
 */
export function createBroker(env: Env, ring: Ring, options: BrokerOptions): Broker {
  return new RingBroker(env, ring, options);
}

/** aedes' types leave its `error` event out. */
interface ErrorSource {
  on(event: string, listener: (error: Error) => void): unknown;
}

class RingBroker implements Broker {
  readonly #env: Env;
  readonly #ring: Ring;
  readonly #options: BrokerOptions;
  readonly #limits: BrokerLimits;
  readonly #counters = new Counters();
  readonly #live = new LiveSubscribers();
  readonly #sessions: Sessions;
  readonly #wills: Wills;
  readonly #intake: Intake;
  readonly #aedes: Aedes;
  readonly #connections = new Map<Duplex, Connection>();
  readonly #attached = new Set<Session>();
  readonly #expiry = new Map<string, Timer>();
  /** Filters that a SUBSCRIBE on its way through aedes has made new. */
  readonly #fresh = new WeakMap<Connection, Set<string>>();
  #dirty: Connection[] = [];
  #saving = new Map<Session, Promise<void>>();
  #unlisten: (() => void)[] = [];

  constructor(env: Env, ring: Ring, options: BrokerOptions) {
    this.#env = env;
    this.#ring = ring;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    const { clock, log } = env;
    const shared = { ring, clock, log, limits: this.#limits, counters: this.#counters };
    this.#sessions = new Sessions({ ...shared, inflight: options.inflight });
    this.#wills = new Wills(ring);
    this.#intake = new Intake({
      ...shared,
      live: this.#live,
      lane: options.lane ?? (() => 1),
      passQos0: options.passQos0,
      passed: (message) => {
        for (const session of this.#attached) session.passed(message, session.connection === message.publisher);
      },
    });
    this.#aedes = this.#makeAedes();
  }

  get status(): BrokerStatus {
    let subscriptions = this.#live.filterCount;
    for (const session of this.#sessions.values()) subscriptions += session.subscriptions.count;
    let retained = 0;
    for (const _ of this.#ring.latestMatching('#')) retained++;
    return {
      connections: this.#connections.size,
      sessions: this.#sessions.count,
      subscriptions,
      retained,
      received: this.#counters.received,
      sent: this.#counters.sent,
      held: this.#intake.held,
      counters: this.#counters.read(),
    };
  }

  async start(): Promise<void> {
    this.#sessions.load();
    this.#unlisten = [
      this.#ring.onDurable((durable) => this.#durable(durable)),
      this.#ring.onRoom(() => {
        this.#intake.room();
        for (const session of this.#attached) session.room();
      }),
    ];
    await this.#aedes.listen();
    for (const [client, will] of this.#wills.all()) {
      this.#intake.ownWill(client, { ...will, born: this.#env.clock.now(), publisher: null });
    }
    for (const session of this.#sessions.values()) this.#expireLater(session);
  }

  async stop(): Promise<void> {
    for (const timer of this.#expiry.values()) timer.cancel();
    this.#expiry.clear();
    await new Promise<void>((resolve) => this.#aedes.close(resolve));
    for (const connection of [...this.#connections.values()]) connection.close(null);
    for (const remove of this.#unlisten) remove();
  }

  serve(stream: Duplex, from: string): void {
    if (this.#connections.size >= this.#options.maxConnections) {
      this.#counters.count('refused-connections');
      stream.destroy();
      return;
    }
    const connection = new Connection(stream, from, {
      env: this.#env,
      limits: this.#limits,
      counters: this.#counters,
      intake: this.#intake,
      maxPacketBytes: this.#options.maxPacketBytes,
      wake: (woken) => this.#wake(woken),
      closed: (closed) => this.#closed(closed),
    });
    this.#connections.set(connection.side, connection);
    this.#aedes.handle(connection.side);
  }

  deliver(messages: readonly StoredMessage[]): void {
    const born = this.#env.clock.now();
    for (const { publication } of messages) {
      const { topic, qos, retain } = publication;
      if (this.#live.match(topic).length === 0) continue;
      const body = encodeBody(publication.properties, publication.payload);
      this.#live.publish({ topic, qos, retain, body, born, publisher: null });
    }
  }

  publish({ topic, qos, retain, payload, properties }: Publication): void {
    const body = encodeBody(properties, payload);
    this.#intake.own({ topic, qos, retain, body, born: this.#env.clock.now(), publisher: null }, []);
  }

  #durable(durable: number): void {
    this.#intake.durable(durable);
    for (const session of this.#attached) session.durable(durable);
  }

  /** One write per socket and tick. */
  #wake(connection: Connection): void {
    this.#dirty.push(connection);
    if (this.#dirty.length > 1) return;
    this.#env.clock.soon(() => {
      const dirty = this.#dirty;
      this.#dirty = [];
      for (const each of dirty) each.flush();
    });
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection.side);
    const { recipient, session } = connection;
    if (recipient instanceof LiveSubscriber) {
      for (const filter of recipient.subscriptions.filters()) this.#live.remove(recipient, filter);
    }
    if (session !== null && session.connection === connection) {
      session.detach(connection);
      this.#attached.delete(session);
    }
  }

  #makeAedes(): Aedes {
    const persistence = new ServicePersistence(new RingPersistence(this.#ring, this.#sessions, this.#wills));
    const aedes = new Aedes({
      persistence,
      drainTimeout: 0,
      maximumPacketSize: this.#options.maxPacketBytes,
      receiveMaximum: this.#limits.receiveMaximum,
      topicAliasMaximum,
      maxTopicLevels,
      preConnect: (client, packet, done) => done(null, this.#preConnect(client, packet)),
      authenticate: (client, _name, _password, done) => {
        this.#begin(client).then(
          () => done(null, true),
          (error: unknown) => {
            this.#env.log.warn('session-refused', { client: client.id, why: messageOf(error) });
            done(Object.assign(new Error('server unavailable'), { returnCode: 3 }) as AuthenticateError, false);
          },
        );
      },
      authorizeSubscribe: (client, subscription, done) => this.#subscribe(client, subscription, done),
      authorizePublish: (client, packet, done) => {
        this.#publishWill(client?.id ?? null, packet);
        done(new Error('the ring has it'));
      },
      authorizeForward: (_client, packet) => packet,
    });
    aedes.on('clientReady', (client: Client) => this.#ready(client));
    aedes.on('subscribe', (subscriptions: AedesSub[], client: Client) => this.#subscribed(client, subscriptions));
    aedes.on('unsubscribe', (filters: string[], client: Client) => this.#unsubscribed(client, filters));
    aedes.on('clientDisconnect', (client: Client) => this.#disconnected(client));
    aedes.on('clientError', (client: Client, error: Error) => this.#noteError(client, error));
    aedes.on('connectionError', (client: Client, error: Error) => this.#noteError(client, error));
    const errors = aedes as unknown as ErrorSource;
    errors.on('error', (error: Error) => this.#env.log.error('broker-aedes', { why: error.message }));
    return aedes;
  }

  #connectionOf(client: Client): Connection | undefined {
    return this.#connections.get(client.conn);
  }

  #noteError(client: Client, error: Error): void {
    this.#env.log.debug('client-error', () => ({ client: client.id, why: error.message }));
  }

  /** Keep-alive is watched by the connection, which knows when it is we who do not read. */
  #preConnect(client: Client, packet: ConnectPacket): boolean {
    const connection = this.#connectionOf(client);
    if (connection === undefined) return false;
    connection.version = packet.protocolVersion ?? 4;
    connection.keepAlive = packet.keepalive ?? 0;
    connection.cleanStart = packet.clean !== false;
    packet.keepalive = 0;
    return true;
  }

  /** The client's session, durable, before CONNACK. */
  async #begin(client: Client): Promise<void> {
    const connection = this.#connectionOf(client);
    if (connection === undefined) return;
    connection.receiveMaximum = client.receiveMaximum;
    connection.maxSendBytes = client.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    const { cleanStart } = connection;
    const session = await this.#sessions.begin(client.id, { cleanStart, expirySeconds: client.sessionExpiryInterval });
    this.#expiry.get(client.id)?.cancel();
    this.#expiry.delete(client.id);
    connection.session = session;
    client.clean = session === null;
    if (session !== null) connection.recipient = session;
    else {
      const window = Math.min(connection.receiveMaximum, 65_535);
      connection.recipient = new LiveSubscriber(connection, this.#env.clock, this.#limits, window, this.#counters);
    }
  }

  #ready(client: Client): void {
    const connection = this.#connectionOf(client);
    if (connection === undefined) return;
    const { session } = connection;
    this.#wills.forget(client.id, client);
    if (session !== null) {
      session.connection?.close(null);
      this.#attached.add(session);
      session.attach(connection);
    }
    connection.open();
  }

  /** Ends with what DISCONNECT may have changed; expiry itself is aedes' timer until the next start. */
  #disconnected(client: Client): void {
    const session = this.#sessions.get(client.id);
    if (session === undefined || session.expirySeconds === client.sessionExpiryInterval) return;
    if (session.connection !== null && session.connection.side !== client.conn) return;
    session.expirySeconds = client.sessionExpiryInterval;
    this.#sessions.save(session).catch((error: unknown) => this.#noteSave(session, error));
  }

  #noteSave(session: Session, error: unknown): void {
    this.#env.log.warn('session-not-saved', { client: session.client, why: messageOf(error) });
  }

  /** A session that a restart found without a connection lives on for its whole expiry interval. */
  #expireLater(session: Session): void {
    if (session.expirySeconds >= neverExpires) return;
    const { clock } = this.#env;
    const timer = clock.at(after(clock.now(), seconds(session.expirySeconds)), () => {
      this.#expiry.delete(session.client);
      if (session.connection !== null || this.#sessions.get(session.client) !== session) return;
      this.#sessions.end(session).catch((error: unknown) => this.#noteSave(session, error));
    });
    this.#expiry.set(session.client, timer);
  }

  /** Before SUBACK: in the tables, and on disk if the session is. `null` refuses it. */
  #subscribe(
    client: Client,
    asked: AedesSub,
    done: (error: Error | null, subscription?: AedesSub | null) => void,
  ): void {
    const connection = this.#connectionOf(client);
    const { recipient } = connection ?? {};
    if (connection === undefined || recipient === undefined || recipient === null) return done(null, null);
    if (client.connecting) return done(null, asked);
    const { subscriptions } = recipient;
    const isNew = subscriptions.get(asked.topic) === undefined;
    if (!isTopicFilter(asked.topic) || (isNew && subscriptions.count >= this.#limits.subscriptions)) {
      this.#counters.count('refused-subscriptions');
      return done(null, null);
    }
    subscriptions.set(subscriptionOf(asked));
    if (isNew) this.#freshOf(connection).add(asked.topic);
    if (recipient instanceof LiveSubscriber) {
      if (isNew) this.#live.add(recipient, asked.topic);
      return done(null, asked);
    }
    if (connection.session !== null) this.#saveOnce(connection.session).then(() => done(null, asked), done);
  }

  #freshOf(connection: Connection): Set<string> {
    const known = this.#fresh.get(connection) ?? new Set<string>();
    this.#fresh.set(connection, known);
    return known;
  }

  /** One save for all filters of a SUBSCRIBE. */
  #saveOnce(session: Session): Promise<void> {
    const under = this.#saving.get(session);
    if (under !== undefined) return under;
    const save = Promise.resolve().then(() => {
      this.#saving.delete(session);
      return this.#sessions.save(session);
    });
    this.#saving.set(session, save);
    return save;
  }

  /** SUBACK has been written: retained messages, then whatever the client sent behind its SUBSCRIBE. */
  #subscribed(client: Client, granted: readonly AedesSub[]): void {
    const connection = this.#connectionOf(client);
    const { recipient } = connection ?? {};
    if (connection === undefined || recipient === undefined || recipient === null) return;
    const fresh = this.#freshOf(connection);
    for (const { topic } of granted) {
      const subscription = recipient.subscriptions.get(topic);
      if (subscription === undefined) continue;
      const { qos, retainAsPublished, retainHandling, identifier } = subscription;
      if (retainHandling === 2 || (retainHandling === 1 && !fresh.has(topic))) continue;
      const match: Match = { qos, retainAsPublished, identifiers: identifier === null ? [] : [identifier] };
      recipient.retained(this.#ring.latestMatching(topic), match);
    }
    fresh.clear();
    connection.subscribed();
  }

  #unsubscribed(client: Client, filters: readonly string[]): void {
    const connection = this.#connectionOf(client);
    if (connection === undefined) return;
    const { recipient } = connection;
    if (recipient instanceof LiveSubscriber) {
      for (const filter of filters) if (recipient.subscriptions.delete(filter)) this.#live.remove(recipient, filter);
    }
    connection.subscribed();
  }

  #publishWill(client: string | null, packet: WillPacket): void {
    const { message, clears } = this.#wills.take(client, packet, this.#env.clock.now());
    this.#intake.own(message, clears === null ? [] : [{ kind: 'state', key: clears, value: null }]);
  }
}
