import type { Instant } from '#kernel';
import { after, milliseconds, minutes, never, seconds } from '#kernel';
import type { Batch } from '../frame.ts';

/** Letters of one stream that wait for the ones before them. */
export const heldLimit = 32;
/** Letters that were stored in this time share one receipt. */
const receiptPause = milliseconds(300);
/** How long the letters before may take, before the sender is asked for them. */
const missingPause = seconds(30);
const forgetAfter = minutes(10);

/** A batch that came by a relay. `isFirst`: its sender has nothing before it any more. */
export interface HeldLetter {
  readonly id: number;
  readonly frame: Batch;
  readonly isFirst: boolean;
  readonly bytes: number;
}

/** What one stream knows of letters: those that are ahead of their turn, and what is owed to their sender. */
export class Held {
  readonly #waiting = new Map<number, HeldLetter>();
  /** Durable, their sender not yet told. */
  #done: number[] = [];
  #receiptAt: Instant = never;
  #missingAt: Instant = never;
  #forgetAt: Instant = never;

  get deadline(): Instant {
    return Math.min(this.#receiptAt, this.#missingAt, this.#forgetAt) as Instant;
  }

  get isFull(): boolean {
    return this.#waiting.size >= heldLimit;
  }

  add(letter: HeldLetter): void {
    this.#waiting.set(letter.id, letter);
  }

  /** The next that may be taken. */
  find(may: (letter: HeldLetter) => boolean): HeldLetter | undefined {
    for (const letter of this.#waiting.values()) if (may(letter)) return letter;
    return undefined;
  }

  remove(id: number): void {
    this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    this.#missingAt = never;
    this.#forgetAt = never;
  }

  /** Some wait, and nothing that could be taken is among them. */
  rest(now: Instant): void {
    if (this.#waiting.size === 0) return;
    if (this.#missingAt === never) this.#missingAt = after(now, missingPause);
    if (this.#forgetAt === never) this.#forgetAt = after(now, forgetAfter);
  }

  done(id: number, now: Instant): void {
    this.#done.push(id);
    if (this.#receiptAt === never) this.#receiptAt = after(now, receiptPause);
  }

  /** A receipt that is due now: for these letters, and whether some before those that wait are missing. Null: none. */
  takeReceipt(now: Instant): { readonly ids: readonly number[]; readonly isMissing: boolean } | null {
    const isMissing = this.#missingAt <= now;
    if (!isMissing && this.#receiptAt > now) return null;
    const ids = this.#done;
    this.#done = [];
    this.#receiptAt = never;
    if (isMissing) this.#missingAt = after(now, missingPause);
    return { ids, isMissing };
  }

  /** Those that nothing came for: their relay keeps them. */
  forget(now: Instant): readonly HeldLetter[] {
    if (this.#forgetAt > now) return [];
    const forgotten = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#missingAt = never;
    this.#forgetAt = never;
    return forgotten;
  }
}
