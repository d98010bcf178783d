import type { Instant, Subnet } from '#kernel';
import { after, instant, minutes } from '#kernel';
import type { MessagePriority } from '../types.ts';
import { Lanes } from './lanes.ts';
import { RoundTrip } from './round-trip.ts';
import { Window } from './window.ts';

const stepwiseFor = minutes(10);

/** Whether the far side answers the DONE of a message that it has completed before. Stock does not, we do. */
export type Reacks = 'unknown' | 'yes' | 'no';

/** What is known about one /64 that we send to, and whose turn it is among the messages `M` that go there. */
export class Destination<M extends { readonly priority: MessagePriority }> {
  readonly subnet: Subnet;
  readonly roundTrip = new RoundTrip();
  readonly window = new Window();
  /** Not yet begun, in order of their lanes. */
  readonly waiting: Lanes<M> = new Lanes();
  /** Begun, and with something to send as soon as the window allows. */
  readonly ready: Lanes<M> = new Lanes();
  activeCount = 0;
  unfinishedCount = 0;
  /** Waits in vain since the last answer of any kind. */
  silences = 0;
  lastSilenceAt: Instant = instant(0);
  reacks: Reacks = 'unknown';
  /** When `no` is doubted again: the far side may be a different program by then. */
  doubtAt: Instant = instant(0);
  /** The message whose DONE was repeated to learn `reacks`. */
  askedWith: M | null = null;
  askedAt: Instant = instant(0);
  /** The one packet whose round trip is being measured: sent once, not yet answered. */
  timedMessage: M | null = null;
  timedStep = 0;
  timedAt: Instant = instant(0);

  #aheadFailures = 0;
  #stepwiseUntil: Instant = instant(0);

  constructor(subnet: Subnet) {
    this.subnet = subnet;
  }

  /** False: what was sent ahead of the answer to INIT got lost twice in a row, of late. */
  takesAhead(now: Instant): boolean {
    return now >= this.#stepwiseUntil;
  }

  aheadFailed(now: Instant): void {
    if (++this.#aheadFailures < 2) return;
    this.#aheadFailures = 0;
    this.#stepwiseUntil = after(now, stepwiseFor);
  }

  aheadWorked(): void {
    this.#aheadFailures = 0;
  }

  /** A wait in vain: the window shrinks, at most once a wait however many messages share it. */
  silent(now: Instant): void {
    const waitMs = this.roundTrip.timeoutMs(0);
    this.window.silent(now, waitMs);
    if (now - this.lastSilenceAt < waitMs) return;
    this.lastSilenceAt = now;
    this.silences++;
  }
}
