import type { Duplex } from 'node:stream';
import type { Publication } from '#codec';
import type { Sequence } from '#kernel';
import type { Lane } from '#ring';

export interface BrokerOptions {
  readonly clientId: string;
  readonly maxPacketBytes: number;
  readonly maxConnections: number;
  /** Unacknowledged messages in flight to one persistent session (its Receive Maximum lowers it). */
  readonly inflight: number;
  /** QoS 0 publishes on these filters are passed on without being stored (`qos0 = "pass"`). */
  readonly passQos0: (topic: string) => boolean;
  /** The lane a local publish is recorded in; normal when not given. */
  readonly lane?: (topic: string) => Lane;
  readonly limits?: Partial<BrokerLimits>;
}

/** What one client, or all together, can make the broker keep. Each limit has a counter in `BrokerStatus.counters`. */
export interface BrokerLimits {
  /** Persistent sessions, connected or not. Beyond: CONNACK "server unavailable". */
  readonly sessions: number;
  /** Per client. Beyond: refused in the SUBACK. */
  readonly subscriptions: number;
  /** Unacknowledged publishes from one client (told to MQTT 5 clients as Receive Maximum). Beyond: not read, or set down. */
  readonly receiveMaximum: number;
  /** Bytes of one client's publishes that wait for room. Beyond: set down without an ack, and the client is cut when there is room. */
  readonly heldBytes: number;
  /** The same for all clients together. */
  readonly heldBytesInAll: number;
  /** Output that waits for one client before its pump stops. */
  readonly outputBytes: number;
  /** Messages that wait for a live subscriber whose window is full. Beyond: dropped. */
  readonly liveQueue: number;
  /** Answers that wait for a client that does not read them. Beyond: it is cut. */
  readonly answerBytes: number;
}

export interface BrokerStatus {
  readonly connections: number;
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retained: number;
  readonly received: number;
  readonly sent: number;
  /** Publishes whose acknowledgement waits for the sync or for room. */
  readonly held: number;
  /** Monotonic, by name: what was refused, dropped, expired or cut, and why. */
  readonly counters: Readonly<Record<BrokerCounter, number>>;
}

export type BrokerCounter =
  /** Connections refused: `maxConnections` reached. */
  | 'refused-connections'
  /** Connections cut: garbage or a broken protocol. */
  | 'malformed'
  /** Connections cut: keep-alive × 1.5 without a byte. */
  | 'silent'
  /** Connections cut: answers not read. */
  | 'unread'
  | 'refused-sessions'
  | 'refused-subscriptions'
  /** Publishes that no local client may make. */
  | 'refused-publishes'
  /** Publishes longer than a ring record can be, or than a subscriber takes. */
  | 'too-large'
  /** QoS 0 publishes not stored for want of room; live subscribers got them. */
  | 'dropped-qos0'
  /** Publishes set down without an ack for want of room: their client is cut later and sends them again. */
  | 'set-down'
  /** Messages to live subscribers dropped because they do not keep up. */
  | 'dropped-live'
  /** The agent's own publishes dropped for want of room. */
  | 'dropped-own'
  /** Messages not given out because their expiry interval had passed. */
  | 'expired'
  /** QoS 0 messages of an offline time that a session does not get. */
  | 'skipped-qos0'
  /** Inbound QoS 2 publishes known by their packet id. */
  | 'duplicates';

/** A message that has become durable by another way than a local publish: from the bus. */
export interface StoredMessage {
  readonly sequence: Sequence;
  readonly publication: Publication;
}

/** The embedded MQTT broker. Its only state is the ring (HOUSE.md). */
export interface Broker {
  /** Sweeps what a crash left (wills), then serves. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Takes over a client's byte stream; `from` is shown in logs. Listening is the composition's work. */
  serve(stream: Duplex, from: string): void;
  /** Live subscribers get these now; persistent sessions are served by their cursors. */
  deliver(messages: readonly StoredMessage[]): void;
  /** Publishes on the agent's own behalf (`hypha/state` and its like): through the ring like any other. */
  publish(publication: Publication): void;
  readonly status: BrokerStatus;
}
