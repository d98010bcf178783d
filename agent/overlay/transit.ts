import type { Instant } from '#kernel';
import { instant, never } from '#kernel';
import { Rate } from './peer/rate.ts';
import { hourMs, hoursKept, type TransitAccount } from './transit-account.ts';

/** How much may be carried for others, in bytes of whole frames sent on; each has come in once, too. Null: without a bound. */
export interface TransitLimit {
  readonly bytesPerSecond: number | null;
  readonly bytesPerDay: number | null;
}

const leastPart = 1 / 100;
/** The longest frame: so much passes at once whatever the rate, so that a slow one lets every packet through some time. */
const leastBurstBytes = 66_000;

/**
 * What is carried for others: a token bucket of one second, and an account of the last day in whole hours, so that in no
 * 24 hours, whenever they begin, more passes than said. When the day's is used up this node is no way for others until the
 * oldest hour has left the account. It counts powered time, so that it can go on after a restart as if there had been none.
 */
export class TransitBudget {
  readonly #perDay: number | null;
  readonly #rate: Rate | null;
  /** Bytes by hour, the current one last. */
  readonly #hours: number[];
  #hourEndsAt: Instant;
  #ofDay: number;

  /** `kept`: where another left off. */
  constructor({ bytesPerSecond, bytesPerDay }: TransitLimit, now: Instant, kept: TransitAccount | null = null) {
    this.#perDay = bytesPerDay;
    this.#rate =
      bytesPerSecond === null ? null : new Rate(bytesPerSecond, Math.max(bytesPerSecond, leastBurstBytes), now);
    this.#hours = kept === null ? [0] : kept.hours.slice(-hoursKept);
    this.#ofDay = this.#hours.reduce((sum, bytes) => sum + bytes, 0);
    this.#hourEndsAt = instant(now + (kept?.hourLeftMs ?? hourMs));
  }

  /** Null: it may pass and is counted. Else what is used up. */
  take(bytes: number, now: Instant): 'second' | 'day' | null {
    this.#pass(now);
    if (this.#perDay !== null && this.#ofDay + bytes > this.#perDay) return 'day';
    if (this.#rate !== null && !this.#rate.take(now, bytes)) return 'second';
    this.#ofDay += bytes;
    this.#hours[this.#hours.length - 1] = (this.#hours.at(-1) ?? 0) + bytes;
    return null;
  }

  /** Whether there is a part worth opening for: else one packet would close it again. */
  hasRoom(now: Instant): boolean {
    this.#pass(now);
    return this.#perDay === null || this.#ofDay <= this.#perDay * (1 - leastPart);
  }

  account(now: Instant): TransitAccount {
    this.#pass(now);
    return { hourLeftMs: this.#hourEndsAt - now, hours: [...this.#hours] };
  }

  /** When some of the day's may be free again. */
  nextHour(): Instant {
    return this.#perDay === null ? never : this.#hourEndsAt;
  }

  #pass(now: Instant): void {
    while (now >= this.#hourEndsAt) {
      this.#hourEndsAt = instant(this.#hourEndsAt + hourMs);
      if (this.#hours.push(0) > hoursKept) this.#ofDay -= this.#hours.shift() ?? 0;
    }
  }
}
