import type { Instant } from '#kernel';
import { seconds } from '#kernel';
import type { Course } from './frame.ts';
import { helloFrame, noToken, restoredFlag } from './frame.ts';
import type { OutboundOptions } from './outbound-events.ts';
import type { Outbox } from './outbox.ts';
import type { Patience } from './patience.ts';
import type { Settled } from './settled.ts';

export const longestWait = seconds(30);

/** The hellos of a sending stream: the one that begins a session, and questions about the one that stands. One at a time. */
export class Asking {
  readonly #options: OutboundOptions;
  readonly #course: Course;
  readonly #outbox: Outbox;
  readonly #patience: Patience;
  /** As a message of the overlay. */
  #underWay: number | null = null;
  #nonce = noToken;
  #question = noToken;

  constructor(options: OutboundOptions, course: Course, outbox: Outbox, patience: Patience) {
    this.#options = options;
    this.#course = course;
    this.#outbox = outbox;
    this.#patience = patience;
  }

  /** Asks for a session; `again` with the same nonce, so that a late answer to the one before counts. */
  greet(again: boolean, settled: Settled, now: Instant): void {
    if (!again) this.#nonce = this.#options.nonce();
    this.#hello(this.#nonce, noToken, settled, now);
  }

  /** Asks the far end what it has of the present session. */
  ask(token: string, settled: Settled, now: Instant): void {
    this.#question = this.#options.nonce();
    this.#hello(this.#question, token, settled, now);
  }

  isWelcome(nonce: string): boolean {
    return nonce === this.#nonce;
  }

  isAnswer(nonce: string): boolean {
    return nonce !== noToken && nonce === this.#question;
  }

  /** The overlay is done with the hello, whether or not it is answered. */
  settled(): void {
    this.#underWay = null;
  }

  answered(): void {
    this.#question = noToken;
    this.#abort();
  }

  isMessage(id: number): boolean {
    return id === this.#underWay;
  }

  /** The session has ended. */
  close(): void {
    this.#question = noToken;
    this.#abort();
  }

  #hello(nonce: string, token: string, { place, met }: Settled, now: Instant): void {
    this.#abort();
    const { lives } = this.#options;
    const flags = lives.restoredSince(met.ours) ? restoredFlag : 0;
    const frame = helloFrame(this.#course, nonce, token, lives.present.epoch, place, flags);
    this.#underWay = this.#outbox.send(frame);
    this.#patience.wait(now, longestWait);
  }

  #abort(): void {
    if (this.#underWay !== null) this.#outbox.abort(this.#underWay);
    this.#underWay = null;
  }
}
