import type { MessageRecord } from '#ring';
import type { Match, Subscriptions } from './subscriptions.ts';

/** The side of a client that gets messages: a live subscriber or a persistent session. */
export interface Recipient {
  readonly subscriptions: Subscriptions;
  /** PUBACK, PUBREC or PUBCOMP from the client. */
  acknowledged(type: number, id: number, code: number): void;
  /** All packets that came in together have been taken: settle, record and answer what they amount to. */
  settle(): void;
  /** The socket takes bytes again. */
  drained(): void;
  /** The retained messages for a new subscription: given out as the client keeps up, before anything newer. */
  retained(records: Iterable<MessageRecord>, match: Match): void;
}

/** Retained messages on their way to one subscriber; the ring is asked for each only when it can be sent. */
export class RetainedSource {
  readonly match: Match;
  readonly #records: Iterator<MessageRecord>;

  constructor(records: Iterable<MessageRecord>, match: Match) {
    this.match = match;
    this.#records = records[Symbol.iterator]();
  }

  next(): MessageRecord | undefined {
    const result = this.#records.next();
    return result.done ? undefined : result.value;
  }
}

export const lowerQos = (one: 0 | 1 | 2, other: 0 | 1 | 2): 0 | 1 | 2 => (one < other ? one : other);
