import type { Duplex } from 'node:stream';
import type { Publication } from '#codec';
import type { Sequence } from '#kernel';

export interface BrokerOptions {
  readonly clientId: string;
  readonly maxPacketBytes: number;
  readonly maxConnections: number;
  /** Unacknowledged messages in flight to one persistent session (its Receive Maximum lowers it). */
  readonly inflight: number;
  /** QoS 0 publishes on these filters are passed on without being stored (`qos0 = "pass"`). */
  readonly passQos0: (topic: string) => boolean;
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
}

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
