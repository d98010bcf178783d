import type { Instant } from '#kernel';
import { instant, never } from '#kernel';
import type { PathOptions } from './options.ts';
import { SentPackets } from './sent.ts';
import { Spans } from './spans.ts';

/** So many stretches of numbers are kept, and numbers below are taken for seen: far more than an ACK tells of. */
const heldRanges = 256;

/**
 * What two lives of two nodes have in common: a token of each, and the numbers sent and heard under them. A packet is
 * addressed by the token of its receiver, drawn anew for each session, so that neither a reflected packet nor one of an
 * earlier life is taken for one of this.
 */
export class Session {
  readonly mine: number;
  /** `noToken` until the far side has said. */
  theirs: number;
  nextNumber = 0;
  readonly sent = new SentPackets();
  readonly heard = new Spans();
  /** Numbers below have been forgotten, and are not taken any more. */
  #floor = 0;
  /** Heard and not yet acknowledged. */
  dueCount = 0;
  dueBytes = 0;
  /** When an acknowledgement goes even if nothing else does; `never`: nothing is due. */
  ackAt: Instant = never;
  /** When the highest number was heard. */
  highestAt: Instant = instant(0);
  #highest = -1;

  constructor(mine: number, theirs: number) {
    this.mine = mine;
    this.theirs = theirs;
  }

  /** False: it came before. */
  isNew(number: number): boolean {
    return number >= this.#floor && !this.heard.has(number);
  }

  /** True when it is the next one, as on a link that keeps order. */
  hear(number: number, now: Instant): boolean {
    const isNext = number === this.#highest + 1;
    if (number > this.#highest) {
      this.#highest = number;
      this.highestAt = now;
    }
    this.heard.add(number, number + 1);
    if (this.heard.count > heldRanges) this.#floor = this.heard.forgetFirst(heldRanges);
    return isNext;
  }

  /** An acknowledgement is due: at once, or when it has company, or in a while. */
  due(bytes: number, isUrgent: boolean, options: PathOptions, now: Instant): void {
    this.dueCount++;
    this.dueBytes += bytes;
    const { ackWithin, ackAfterPackets, ackAfterBytes } = options;
    const isEnough = isUrgent || this.dueCount >= ackAfterPackets || this.dueBytes >= ackAfterBytes;
    this.ackAt = instant(Math.min(this.ackAt, isEnough ? now : now + ackWithin));
  }

  acknowledged(): void {
    this.dueCount = 0;
    this.dueBytes = 0;
    this.ackAt = never;
  }
}
