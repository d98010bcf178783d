import type { Batch, Hello } from './frame.ts';

/** Batches that may be ahead of the next one: the width of an ack's `held`. */
export const windowLimit = 32;

/** A batch in memory. */
export interface Ahead {
  readonly frame: Batch;
  readonly bytes: number;
  /** Some of its records are stored already. */
  begun: boolean;
}

/** What a receiving end knows of a session. */
export interface Session {
  readonly token: string;
  readonly nonce: string;
  /** What the hello said; `proven` by the first batch. */
  readonly hello: Hello;
  readonly restored: boolean;
  proven: boolean;
  /** The next batch to be sorted out. */
  next: number;
  /** Batches below are durable. */
  durable: number;
  readonly ahead: Map<number, Ahead>;
}

/** For an ack: which batches from the first that is not durable on are here. */
export function heldOf(session: Session): number {
  let held = 0;
  for (let index = 0; index < windowLimit; index++) {
    const number = session.durable + index;
    if (number < session.next || session.ahead.has(number)) held |= 1 << index;
  }
  return held >>> 0;
}
