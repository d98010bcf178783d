import type { Instant, Machine, Sequence } from '#kernel';
import { after, assert, milliseconds, never, sequence, unreachable } from '#kernel';
import type { Met } from './acquaintance.ts';
import { Acquaintance } from './acquaintance.ts';
import type { Greeting } from './answers.ts';
import { Answers } from './answers.ts';
import type { Arrival, Loss } from './arrival.ts';
import { deliveredOf, sortOut } from './arrival.ts';
import type { Batch, Hello } from './frame.ts';
import { noToken } from './frame.ts';
import type { InboundCount, InboundEffect, InboundEvent, InboundOptions } from './inbound-events.ts';
import type { StreamMemory } from './memory.ts';
import { earlier } from './patience.ts';
import type { Position } from './position.ts';
import { LettersIn } from './relay/letters-in.ts';
import type { Ahead, Session } from './session.ts';
import { windowLimit } from './session.ts';
import type { Alarm, Delivered } from './types.ts';

const shortestRoomWait = 50;
const longestRoomWait = 5_000;

/** Appended, not yet durable. */
interface Pending {
  /** Null: a letter, `number` its id. */
  readonly session: Session | null;
  readonly number: number;
  readonly place: Position;
  /** Nothing of the batch comes after it. */
  readonly isLast: boolean;
  readonly last: Sequence;
  readonly records: readonly Delivered[];
  readonly losses: readonly Loss[];
  readonly duplicates: number;
  readonly refused: number;
  readonly bytes: number;
}

/**
 * The receiving end of one stream.
 *
 * - Batches are taken in the order of their numbers; those ahead wait in memory, bounded by number and by the budget.
 * - Records and the stream's memory go into one append: after any crash either both are there or neither.
 * - An answer says nothing that the ring has not synced: welcome waits for it, ack is sent by it.
 * - While the ring takes nothing, the next batch waits and the sender is told so; `room` goes on.
 * - A batch of no session is answered with a reset, and nothing of it is kept.
 */
export class Inbound implements Machine<InboundEvent, InboundEffect> {
  readonly #options: InboundOptions;
  readonly #answers: Answers;
  readonly #acquaintance: Acquaintance;
  /** Told once in a life: this ring went back. */
  #toldOurs = false;
  #memory: StreamMemory;
  #session: Session | null = null;
  #pending: Pending[] = [];
  #durableRefused: number;
  #durablePlace: Position;
  /** What comes by relays, outside of any session. */
  readonly #letters: LettersIn<Stored>;
  /** When this life began. */
  readonly #metBefore: Met;
  #blocked = false;
  #now: Instant = never;
  /** The ring is not asked again before: room for a record is not yet room for a batch. */
  #roomAt: Instant = never;
  #refusals = 0;
  #effects: InboundEffect[] = [];

  constructor(options: InboundOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#metBefore = options.memory.met;
    this.#durableRefused = options.memory.refused;
    this.#durablePlace = options.memory.place;
    this.#letters = new LettersIn({
      options,
      memory: () => this.#memory,
      isBlocked: () => this.#blocked,
      store: (arrival) => this.#store(arrival),
      storeOrRefuse: (arrival) => this.#storeOrRefuse(arrival),
      block: () => this.#block(),
      appended: (id, stored, bytes, isLast) => this.#note(null, id, stored, bytes, isLast),
      push: (effect) => this.#effects.push(effect),
      count: (what) => this.#count(what),
    });
    const back = { from: options.self, to: options.from, lane: options.lane };
    this.#acquaintance = new Acquaintance(options.memory.met, options.lives.present.epoch);
    this.#answers = new Answers(back, options.lives.present.epoch, (payload) =>
      this.#effects.push({ kind: 'send', payload }),
    );
  }

  get memory(): StreamMemory {
    return this.#memory;
  }

  deadline(): Instant {
    return earlier(earlier(this.#answers.retryAt, this.#roomAt), this.#letters.deadline);
  }

  step(event: InboundEvent, now: Instant): readonly InboundEffect[] {
    this.#effects = [];
    this.#now = now;
    this.#handle(event, now);
    this.#answer();
    return this.#effects;
  }

  #handle(event: InboundEvent, now: Instant): void {
    switch (event.kind) {
      case 'hello':
        this.#hello(event.frame, event.restored === true);
        break;
      case 'batch':
        this.#batch(event.frame, event.bytes);
        break;
      case 'letter':
        this.#letters.came(event.letter, now);
        break;
      case 'durable':
        this.#durable(event.upTo);
        break;
      case 'room':
        if (this.#roomAt === never || this.#roomAt <= now) this.#room();
        break;
      case 'sent':
        this.#answers.ended(event.taken, this.#session !== null, now);
        break;
      case 'timer':
        if (this.#answers.retryAt <= now) this.#answers.retryAt = never;
        if (this.#roomAt <= now) this.#room();
        this.#letters.timer(now, this.#durablePlace, this.#durableRefused);
        return;
      default:
        unreachable(event);
    }
  }

  #hello(frame: Hello, restored: boolean): void {
    const session = this.#session;
    if (session !== null && frame.token === session.token) {
      this.#answers.asked(frame.nonce);
      if (!this.#blocked) this.#room();
    } else if (frame.token !== noToken) this.#answers.stray = frame.token;
    else this.#answers.greeting = { hello: frame, restored };
  }

  #batch(frame: Batch, bytes: number): void {
    const session = this.#session;
    if (session === null || frame.token !== session.token) {
      this.#answers.stray = frame.token;
      this.#count('strayed');
    } else if (frame.number < session.next || session.ahead.has(frame.number)) this.#answers.ackDue = true;
    else this.#keep(session, frame, bytes);
  }

  #keep(session: Session, frame: Batch, bytes: number): void {
    if (frame.number >= session.durable + windowLimit || !this.#options.budget.take(bytes)) {
      this.#count('shed');
      return;
    }
    session.ahead.set(frame.number, { frame, bytes, begun: false });
    if (!session.proven) this.#proven(session);
    if (this.#blocked) this.#answers.ackDue = true;
    else this.#takeReady(session);
  }

  /** A batch with the session's token: whoever said this hello is alive. Does it fit what is known of it here? */
  #proven(session: Session): void {
    session.proven = true;
    const { life, placeEpoch: epoch, placeSequence, placeOrdinal: ordinal } = session.hello;
    if (!this.#memory.covers({ epoch, sequence: sequence(placeSequence), ordinal })) this.#wentBack();
    const meeting = this.#acquaintance.meets(life);
    this.#memory.met = this.#acquaintance.met;
    if (meeting === 'twin') this.#alarm({ what: 'cloned', expected: false });
    if (meeting === 'older') this.#alarm({ what: 'theirs', expected: session.restored });
  }

  #wentBack(): void {
    if (this.#toldOurs) return;
    this.#toldOurs = true;
    this.#alarm({ what: 'ours', expected: this.#options.lives.restoredSince(this.#metBefore.ours) });
  }

  #takeReady(session: Session): void {
    for (;;) {
      const ready = session.ahead.get(session.next);
      if (ready === undefined || this.#blocked) return;
      if (!this.#take(session, ready)) return;
    }
  }

  /** False when the batch could not be taken now. */
  #take(session: Session, ahead: Ahead): boolean {
    const { frame, begun } = ahead;
    const arrival = sortOut(frame, this.#memory, this.#options, Number.POSITIVE_INFINITY, begun);
    if (arrival === null) {
      this.#count('malformed');
      this.#endSession();
      return false;
    }
    const stored = this.#store(arrival);
    if (stored === 'too-large') return this.#takeSingly(session, ahead);
    if (stored === null) return this.#block();
    this.#taken(session, ahead, stored);
    return true;
  }

  /**
   * Some record of the batch can never fit: it is refused, the others are stored one by one, each with the memory of
   * it, so that a crash or a full ring on the way neither loses nor doubles any.
   */
  #takeSingly(session: Session, ahead: Ahead): boolean {
    for (;;) {
      const one = sortOut(ahead.frame, this.#memory, this.#options, 1, ahead.begun);
      assert(one !== null, 'a batch that has become malformed');
      const stored = this.#storeOrRefuse(one);
      if (stored === null) return this.#block();
      if (one.whole) {
        this.#taken(session, ahead, stored);
        return true;
      }
      ahead.begun = true;
      this.#note(session, session.next - 1, stored, 0);
    }
  }

  #storeOrRefuse(arrival: Arrival): Stored | null {
    const stored = this.#store(arrival);
    if (stored !== 'too-large') return stored;
    const { memory, messages } = arrival;
    memory.refused += messages.length;
    memory.stored -= messages.length;
    const appended = this.#options.append(memory.changes());
    if (!appended.ok) return null;
    this.#remember(memory);
    return { arrival, records: [], last: appended.last };
  }

  #block(): false {
    if (!this.#blocked) this.#answers.ackDue = true;
    this.#blocked = true;
    const wait = Math.min(longestRoomWait, shortestRoomWait * 2 ** Math.min(this.#refusals++, 8));
    this.#roomAt = after(this.#now, milliseconds(wait));
    return false;
  }

  #taken(session: Session, { frame, bytes }: Ahead, stored: Stored): void {
    session.ahead.delete(frame.number);
    session.next++;
    this.#refusals = 0;
    this.#note(session, frame.number, stored, bytes);
  }

  #note(session: Session | null, number: number, stored: Stored, bytes: number, isLast = true): void {
    const last = stored.last ?? this.#pending.at(-1)?.last ?? sequence(0);
    const { records, arrival } = stored;
    const { losses, duplicates } = arrival;
    if (arrival.wentBack) this.#wentBack();
    const { refused, place } = this.#memory;
    this.#pending.push({ session, number, place, isLast, last, records, losses, duplicates, refused, bytes });
    if (last === 0) this.#durable(last);
  }

  #store(arrival: Arrival): Stored | 'too-large' | null {
    if (!arrival.changed) {
      this.#memory.become(arrival.memory);
      return { arrival, records: [], last: null };
    }
    const appended = this.#options.append([...arrival.messages, ...arrival.memory.changes()]);
    if (!appended.ok) return appended.reason === 'too-large' ? 'too-large' : null;
    this.#remember(arrival.memory);
    return { arrival, records: deliveredOf(arrival.messages, appended.first), last: appended.last };
  }

  #remember(memory: StreamMemory): void {
    memory.saved();
    this.#memory.become(memory);
  }

  #durable(upTo: Sequence): void {
    let done = 0;
    for (const one of this.#pending) {
      if (one.last > upTo) break;
      done++;
      this.#release(one);
    }
    if (done > 0) this.#pending = this.#pending.slice(done);
  }

  #release(one: Pending): void {
    this.#options.budget.give(one.bytes);
    this.#durableRefused = one.refused;
    this.#durablePlace = one.place;
    if (one.session === null) {
      if (one.isLast) this.#letters.durable(one.number, this.#now);
    } else if (one.session === this.#session) {
      one.session.durable = one.number + 1;
      this.#answers.ackDue = true;
    }
    if (one.records.length > 0) this.#effects.push({ kind: 'deliver', records: one.records });
    for (const loss of one.losses) this.#effects.push({ kind: 'gap', loss });
    const { from, lane } = this.#options;
    const { duplicates } = one;
    const count = one.records.length;
    this.#effects.push({ kind: 'report', event: { kind: 'stored', from, lane, count, duplicates } });
  }

  #room(): void {
    this.#roomAt = never;
    const wasBlocked = this.#blocked;
    this.#blocked = false;
    if (this.#session !== null) this.#takeReady(this.#session);
    this.#letters.take(this.#now);
    if (wasBlocked && !this.#blocked) this.#answers.ackDue = true;
  }

  #endSession(): void {
    const session = this.#session;
    if (session === null) return;
    for (const { bytes } of session.ahead.values()) this.#options.budget.give(bytes);
    session.ahead.clear();
    this.#session = null;
    this.#answers.stray = session.token;
    this.#answers.ackDue = false;
  }

  #answer(): void {
    const { greeting } = this.#answers;
    if (greeting !== null && this.#pending.length === 0 && this.#answers.may) this.#welcome(greeting);
    this.#answers.rest(this.#session, {
      durableRefused: this.#durableRefused,
      blocked: this.#blocked,
    });
  }

  /** The same hello again gets the same session, so that a late copy of it ends nothing. */
  #welcome({ hello, restored }: Greeting): void {
    let session = this.#session;
    if (session?.nonce !== hello.nonce) {
      this.#endSession();
      this.#answers.stray = null;
      this.#blocked = false;
      const fresh = { next: 0, durable: 0, ahead: new Map(), proven: false };
      session = { token: this.#options.token(), nonce: hello.nonce, hello, restored, ...fresh };
      this.#session = session;
    }
    this.#answers.welcome(session, this.#memory, this.#options.lives.restoredSince(this.#memory.met.ours));
  }

  #alarm(alarm: Alarm): void {
    this.#effects.push({ kind: 'alarm', alarm });
  }

  #count(what: InboundCount): void {
    this.#effects.push({ kind: 'count', what });
  }
}

interface Stored {
  readonly arrival: Arrival;
  readonly records: readonly Delivered[];
  readonly last: Sequence | null;
}
