import type { BoundedQueue, Sequence } from '#kernel';
import type { AedesSide } from './aedes-side.ts';
import type { Output } from './output.ts';
import type { InboundPublish } from './packets.ts';

/** A publish, or (null) the release of a packet id, that waits for room. */
export interface Held {
  readonly bytes: number;
  readonly publish: InboundPublish | null;
  readonly id: number;
}

/** A client's connection as those see it that take its publishes and those that give it messages. */
export interface ClientLink {
  readonly side: AedesSide;
  readonly output: Output;
  readonly version: number;
  readonly receiveMaximum: number;
  readonly maxSendBytes: number;
  /** Inbound QoS 2 packet ids that wait for PUBREL. */
  readonly incoming: Set<number>;
  readonly held: BoundedQueue<Held>;
  readonly heldBytes: number;
  /** Publishes and releases that wait for the sync. */
  waiting: number;
  /** The persistent session behind it. */
  readonly session: PublishingSession | null;
  /** An answer that waited for the sync. */
  answer(type: number, id: number, code: number): void;
  write(type: number, id: number, code: number): void;
  /** Offers what is held, in order, until the first that finds no room. */
  offerHeld(): void;
  /** Cuts the connection. MQTT 5 clients are told why when `code` is given. */
  close(code: number | null): void;
}

/** A persistent session as the taker of its client's publishes sees it. */
export interface PublishingSession {
  readonly client: string;
  published(at: Sequence): void;
}
