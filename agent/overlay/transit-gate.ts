import type { Instant } from '#kernel';
import { after, instant, minutes, never } from '#kernel';
import type { Counts } from './counts.ts';
import { TransitBudget, type TransitLimit } from './transit.ts';
import { decodeTransitAccount, encodeTransitAccount } from './transit-account.ts';
import type { TransitMemory } from './types.ts';

const keepEvery = minutes(1);

/**
 * Whether what others send may be carried, and whether they are told that there is a way here. What was carried is written down
 * a minute after the first packet since the last time, and at the stop: a node that loses its power forgets a minute at most.
 */
export class TransitGate {
  readonly #budget: TransitBudget;
  readonly #memory: TransitMemory | undefined;
  readonly #counts: Counts;
  readonly #setTransit: (isOpen: boolean) => void;
  /** When this node may be a way for others again; null: it is one. */
  #opensAt: Instant | null = null;
  #keepAt: Instant = never;

  constructor(
    limit: TransitLimit,
    memory: TransitMemory | undefined,
    counts: Counts,
    setTransit: (isOpen: boolean) => void,
    now: Instant,
  ) {
    this.#memory = limit.bytesPerDay === null ? undefined : memory;
    this.#counts = counts;
    this.#setTransit = setTransit;
    const kept = this.#memory?.read();
    this.#budget = new TransitBudget(limit, now, kept === undefined ? null : decodeTransitAccount(kept));
  }

  start(now: Instant): void {
    if (!this.#budget.hasRoom(now)) this.#close();
  }

  stop(now: Instant): void {
    if (this.#keepAt < never) this.#keep(now);
  }

  /** False: dropped. When the day's is used up, the others are told to go another way. */
  mayCarry(bytes: number, now: Instant): boolean {
    const usedUp = this.#opensAt === null ? this.#budget.take(bytes, now) : 'day';
    if (usedUp === null) {
      this.#counts.add('transit_bytes', bytes);
      if (this.#keepAt === never && this.#memory !== undefined) this.#keepAt = after(now, keepEvery);
      return true;
    }
    this.#counts.add(`dropped_transit_${usedUp}`);
    if (usedUp === 'day' && this.#opensAt === null) this.#close();
    return false;
  }

  sweep(now: Instant): void {
    if (now >= this.#keepAt) this.#keep(now);
    if (this.#opensAt === null || now < this.#opensAt) return;
    const isFree = this.#budget.hasRoom(now);
    this.#opensAt = isFree ? null : this.#budget.nextHour();
    if (isFree) this.#setTransit(true);
  }

  deadline(): Instant {
    return instant(Math.min(this.#opensAt ?? never, this.#keepAt));
  }

  #close(): void {
    this.#opensAt = this.#budget.nextHour();
    this.#counts.add('transit_closed');
    this.#setTransit(false);
  }

  #keep(now: Instant): void {
    this.#keepAt = never;
    this.#memory?.write(encodeTransitAccount(this.#budget.account(now)));
  }
}
