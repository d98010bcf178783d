import type { Instant, PublicKey } from '#kernel';
import { after, milliseconds, minutes, never, seconds } from '#kernel';
import type { Filed, MailboxEffect, RelayCounters } from './mailbox-events.ts';
import type { Shelf } from './shelf.ts';

/** How long letters may be under way without an answer. */
const patience = minutes(1);
const shortestPause = seconds(2);
const longestPause = minutes(15);

export interface HandOverParts {
  readonly shelf: Shelf;
  readonly counters: RelayCounters;
  readonly fraction: () => number;
  readonly push: (effect: MailboxEffect) => void;
}

/**
 * Hands the letters of one mailbox to their recipient, in order, a few at a time.
 *
 *   idle ---- collect, or a route and something to hand over ----> active ---- all answered, nothing more ----> idle
 *     ^_______________________ no answer for a minute: a pause, ever longer ________|
 *
 * - A letter ends when its recipient has taken it; one that it keeps back stays, and is not sent again before it asks.
 * - At most one read's worth is under way; nothing else is kept in memory.
 */
export class HandOver {
  readonly #parts: HandOverParts;
  readonly #recipient: PublicKey;
  #ref: string | null = null;
  #isReading = false;
  #isStale = false;
  #more = false;
  readonly #underWay = new Set<string>();
  readonly #kept = new Set<string>();
  reachable = false;
  /** Letters were under way, and no answer came. */
  #vain = 0;
  #silentAt: Instant = never;
  /** When to begin by itself. */
  #beginAt: Instant = never;

  constructor(parts: HandOverParts) {
    this.#parts = parts;
    this.#recipient = parts.shelf.recipient;
  }

  get deadline(): Instant {
    return Math.min(this.#silentAt, this.#beginAt) as Instant;
  }

  get isIdle(): boolean {
    return this.#ref === null && !this.#isReading;
  }

  /** The recipient asks: everything from the beginning, also what it kept back. */
  collect(ref: string, now: Instant): void {
    this.#kept.clear();
    this.#vain = 0;
    this.#begin(ref, now);
  }

  /** There is something, or it can be reached again: soon, of ourselves. */
  offer(now: Instant): void {
    if (!this.reachable || this.#ref !== null || this.#parts.shelf.live <= this.#kept.size) return;
    const wait = Math.min(longestPause, shortestPause * 2 ** Math.min(this.#vain, 10));
    const at = after(now, milliseconds(this.#vain === 0 ? 0 : wait * (0.75 + this.#parts.fraction() / 2)));
    this.#beginAt = Math.min(this.#beginAt, at) as Instant;
  }

  route(reachable: boolean, now: Instant): void {
    const news = reachable && !this.reachable;
    this.reachable = reachable;
    if (!reachable) {
      this.#end();
      this.#beginAt = never;
    } else if (news) {
      this.#vain = 0;
      this.offer(now);
    }
  }

  /** A letter has come while another is handed over. */
  arrived(now: Instant): void {
    if (this.#ref === null) this.offer(now);
    else {
      this.#more = true;
      this.#proceed(now);
    }
  }

  items(items: readonly Filed[], more: boolean, now: Instant): void {
    this.#isReading = false;
    if (this.#isStale || this.#ref === null) {
      this.#isStale = false;
      this.#parts.push({ kind: 'rewind', recipient: this.#recipient });
      if (this.#ref !== null) this.#read();
      return;
    }
    // A ring that gives nothing though there may be more is asked again later.
    this.#more = more && items.length > 0;
    if (more && items.length === 0) this.#beginAt = after(now, shortestPause);
    for (const item of items) this.#send(item, this.#ref);
    if (this.#underWay.size > 0) this.#silentAt = after(now, patience);
    this.#proceed(now);
  }

  answered(place: string, isKept: boolean, now: Instant): void {
    if (isKept) this.#kept.add(place);
    else this.#kept.delete(place);
    if (!this.#underWay.delete(place)) return;
    this.#vain = 0;
    this.#silentAt = this.#underWay.size > 0 ? after(now, patience) : never;
    this.#proceed(now);
  }

  timer(now: Instant, token: () => string): void {
    if (this.#silentAt <= now) {
      this.#parts.counters.abandoned++;
      this.#vain++;
      this.#end();
      this.offer(now);
    }
    if (this.#beginAt > now) return;
    this.#beginAt = never;
    if (this.reachable && this.#ref === null && this.#parts.shelf.live > this.#kept.size) this.#begin(token(), now);
  }

  #begin(ref: string, now: Instant): void {
    this.#end();
    this.#ref = ref;
    this.#beginAt = never;
    if (this.#isReading) return;
    this.#parts.push({ kind: 'rewind', recipient: this.#recipient });
    this.#more = true;
    this.#proceed(now);
  }

  #end(): void {
    this.#isStale = this.#isReading;
    this.#ref = null;
    this.#more = false;
    this.#underWay.clear();
    this.#silentAt = never;
  }

  #proceed(_now: Instant): void {
    if (this.#ref === null || this.#isReading || this.#underWay.size > 0) return;
    if (this.#more) this.#read();
    else {
      const left = this.#kept.size;
      this.#parts.push({
        kind: 'send',
        to: this.#recipient,
        saying: { kind: 'emptied', says: { ref: this.#ref, left } },
      });
      this.#end();
    }
  }

  #read(): void {
    this.#isReading = true;
    this.#parts.push({ kind: 'read', recipient: this.#recipient });
  }

  #send({ sequence, place, depositor, envelope }: Filed, ref: string): void {
    if (this.#parts.shelf.at(sequence)?.isLive !== true || this.#kept.has(place)) return;
    this.#underWay.add(place);
    this.#parts.counters.handedOver++;
    this.#parts.push({
      kind: 'send',
      to: this.#recipient,
      // The envelope is a view of what the ring uses again.
      saying: { kind: 'letter', says: { ref, place, depositor, envelope: envelope.slice() } },
    });
  }
}
