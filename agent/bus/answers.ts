import type { Epoch, Instant } from '#kernel';
import { after, milliseconds, never } from '#kernel';
import type { Ack, Course, Hello } from './frame.ts';
import { ackLayout, frameOf, noToken, resetLayout, restoredFlag, welcomeLayout } from './frame.ts';
import { toldFlag } from './item-writer.ts';
import type { StreamMemory } from './memory.ts';
import type { Session } from './session.ts';
import { heldOf } from './session.ts';

/** Answers that the overlay has not done with yet. What is due beyond waits, and only the newest of its kind. */
export const answersOutLimit = 3;
const retryAfter = milliseconds(200);

/** A hello, and whether its ring comes from a backup. */
export interface Greeting {
  readonly hello: Hello;
  readonly restored: boolean;
}

/** What the receiving end can say now. */
export interface Standing {
  /** All refused records of which the ring has synced that they were. */
  readonly durableRefused: number;
  readonly blocked: boolean;
}

/** What a receiving stream owes its sender: a welcome, a reset, an ack, each at most once, and none that would be old news. */
export class Answers {
  readonly #back: Course;
  readonly #life: Epoch;
  readonly #send: (payload: Uint8Array) => void;
  /** A hello that waits for a welcome. */
  greeting: Greeting | null = null;
  /** A token that nobody knows here. */
  stray: string | null = null;
  ackDue = false;
  #question = noToken;
  #out = 0;
  retryAt: Instant = never;

  constructor(back: Course, life: Epoch, send: (payload: Uint8Array) => void) {
    this.#back = back;
    this.#life = life;
    this.#send = send;
  }

  get may(): boolean {
    return this.#out < answersOutLimit && this.retryAt === never;
  }

  asked(nonce: string): void {
    this.#question = nonce;
    this.ackDue = true;
  }

  /** A message of ours has ended, or (`taken` false) the overlay had no room for it. */
  ended(taken: boolean, inSession: boolean, now: Instant): void {
    this.#out--;
    if (taken) return;
    this.ackDue = inSession;
    this.retryAt = after(now, retryAfter);
  }

  welcome(session: Session, { place, refused }: StreamMemory, restored: boolean): void {
    this.greeting = null;
    const value = {
      nonce: session.nonce,
      token: session.token,
      life: this.#life,
      placeEpoch: place.epoch,
      placeSequence: place.sequence,
      placeOrdinal: place.ordinal,
      refused,
    };
    this.#give(frameOf('welcome', this.#back, welcomeLayout, value, toldFlag | (restored ? restoredFlag : 0)));
  }

  /** What is due and may go, but for a welcome. */
  rest(session: Session | null, { durableRefused, blocked }: Standing): void {
    if (this.stray !== null && this.may) this.#reset(this.stray);
    if (this.ackDue && session !== null && this.may) this.#ack(session, durableRefused, blocked);
  }

  #reset(token: string): void {
    this.stray = null;
    this.#give(frameOf('reset', this.#back, resetLayout, { token }));
  }

  #ack(session: Session, refused: number, blocked: boolean): void {
    this.ackDue = false;
    const value: Ack = {
      token: session.token,
      nonce: this.#question,
      next: session.durable,
      held: heldOf(session),
      busy: blocked ? 1 : 0,
      refused,
    };
    this.#question = noToken;
    this.#give(frameOf('ack', this.#back, ackLayout, value));
  }

  #give(payload: Uint8Array): void {
    this.#out++;
    this.#send(payload);
  }
}
