import type { Instant } from '#kernel';
import { sequence } from '#kernel';
import type { Arrival } from '../arrival.ts';
import { sortOut } from '../arrival.ts';
import type { Batch } from '../frame.ts';
import { frameOf, receiptLayout } from '../frame.ts';
import type { InboundCount, InboundEffect, InboundOptions } from '../inbound-events.ts';
import type { StreamMemory } from '../memory.ts';
import type { Position } from '../position.ts';
import type { HeldLetter } from './held.ts';
import { Held } from './held.ts';

/** What a receiving stream does for the letters that come to it. `Stored`: its own note of what was appended. */
export interface LettersHost<Stored> {
  readonly options: InboundOptions;
  readonly memory: () => StreamMemory;
  /** The ring takes nothing now. */
  readonly isBlocked: () => boolean;
  readonly store: (arrival: Arrival) => Stored | 'too-large' | null;
  readonly storeOrRefuse: (arrival: Arrival) => Stored | null;
  readonly block: () => void;
  /** Of letter `id`; `isLast`: all of it is appended. */
  readonly appended: (id: number, stored: Stored, bytes: number, isLast: boolean) => void;
  readonly push: (effect: InboundEffect) => void;
  readonly count: (what: InboundCount) => void;
}

/**
 * The batches of one stream that come by relays, outside of any session: each is taken when what comes before it is
 * there, whatever order they come in; what is durable is told to the sender by one receipt for many.
 */
export class LettersIn<Stored> {
  readonly #host: LettersHost<Stored>;
  readonly #held = new Held();

  constructor(host: LettersHost<Stored>) {
    this.#host = host;
  }

  get deadline(): Instant {
    return this.#held.deadline;
  }

  came(letter: HeldLetter, now: Instant): void {
    const { options, push, count } = this.#host;
    const { id, bytes } = letter;
    if (this.#held.isFull || !options.budget.take(bytes)) {
      count('shed');
      push({ kind: 'letter', id, became: 'kept' });
      return;
    }
    this.#held.add(letter);
    this.take(now);
    if (this.#held.find((held) => held.id === id) !== undefined) push({ kind: 'letter', id, became: 'kept' });
  }

  /** Those whose turn it is. */
  take(now: Instant): void {
    for (;;) {
      const next = this.#host.isBlocked() ? undefined : this.#next();
      if (next === undefined || !this.#take(next)) break;
    }
    this.#held.rest(now);
  }

  /** Letter `id` is durable. */
  durable(id: number, now: Instant): void {
    this.#held.done(id, now);
  }

  /** What is owed to the sender, of what is durable here. */
  timer(now: Instant, { epoch, sequence: at, ordinal }: Position, refused: number): void {
    const { options, push } = this.#host;
    const due = this.#held.takeReceipt(now);
    if (due !== null) {
      const missing = due.isMissing ? 1 : 0;
      const value = { placeEpoch: epoch, placeSequence: at, placeOrdinal: ordinal, refused, missing };
      const back = { from: options.self, to: options.from, lane: options.lane };
      push({ kind: 'receipt', payload: frameOf('receipt', back, receiptLayout, value), ids: due.ids });
    }
    for (const { bytes } of this.#held.forget(now)) options.budget.give(bytes);
  }

  #next(): HeldLetter | undefined {
    return this.#held.find(({ frame, isFirst }) => isFirst || this.#follows(frame));
  }

  #follows({ previousEpoch: epoch, previousSequence, previousOrdinal: ordinal }: Batch): boolean {
    return this.#host.memory().covers({ epoch, sequence: sequence(previousSequence), ordinal });
  }

  /**
   * False when it could not be taken now. Where some record of it can never fit, that one is refused and the others are
   * stored one by one.
   */
  #take({ id, frame, bytes }: HeldLetter): boolean {
    const { options, memory, store, storeOrRefuse, block, appended } = this.#host;
    let limit = Number.POSITIVE_INFINITY;
    for (let begun = false; ; begun = limit === 1) {
      const arrival = sortOut(frame, memory(), options, limit, begun);
      if (arrival === null) return this.#drop(id, bytes);
      const stored = limit === 1 ? storeOrRefuse(arrival) : store(arrival);
      if (stored === 'too-large') {
        limit = 1;
        continue;
      }
      if (stored === null) {
        block();
        return false;
      }
      if (arrival.whole) this.#held.remove(id);
      appended(id, stored, arrival.whole ? bytes : 0, arrival.whole);
      if (arrival.whole) return true;
    }
  }

  #drop(id: number, bytes: number): true {
    this.#host.count('malformed');
    this.#held.remove(id);
    this.#host.options.budget.give(bytes);
    this.#host.push({ kind: 'letter', id, became: 'done' });
    return true;
  }
}
