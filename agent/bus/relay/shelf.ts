import type { Epoch, Instant, PublicKey, Sequence } from '#kernel';
import { after, never } from '#kernel';
import type { Quotas } from './quotas.ts';

/** What a relay knows of one letter; the letter itself lies in its ring. */
export interface Letter {
  readonly sequence: Sequence;
  /** Epoch and sequence as 40 hex digits: for ever its own. */
  readonly place: string;
  readonly depositor: PublicKey;
  readonly slot: string;
  readonly bytes: number;
  readonly bornAt: Instant;
  readonly isStranger: boolean;
  /** False: taken, replaced or too old; its space is free when all before it are. */
  isLive: boolean;
}

/** The letters of one recipient, the oldest first. */
export class Shelf {
  readonly recipient: PublicKey;
  readonly #quotas: Quotas;
  #letters: Letter[] = [];
  readonly #bySequence = new Map<number, Letter>();
  readonly #bySlot = new Map<string, Letter>();
  live = 0;
  liveBytes = 0;

  constructor(recipient: PublicKey, quotas: Quotas) {
    this.recipient = recipient;
    this.#quotas = quotas;
  }

  /** Letters whose space is not free yet. */
  get size(): number {
    return this.#letters.length;
  }

  at(sequence: number): Letter | undefined {
    return this.#bySequence.get(sequence);
  }

  ofPlace(place: string): Letter | undefined {
    const letter = this.#bySequence.get(Number.parseInt(place.slice(24), 16));
    return letter?.place === place ? letter : undefined;
  }

  get oldest(): Letter | undefined {
    return this.#letters.find(({ isLive }) => isLive);
  }

  /** True: it has replaced an older one. */
  add(letter: Letter): boolean {
    const { depositor, slot, bytes, isStranger } = letter;
    this.#letters.push(letter);
    this.#bySequence.set(letter.sequence, letter);
    this.#quotas.take(depositor, this.recipient, bytes, isStranger);
    this.live++;
    this.liveBytes += bytes;
    const key = `${depositor}/${slot}`;
    const before = this.#bySlot.get(key);
    this.#bySlot.set(key, letter);
    if (before !== undefined) this.end(before);
    return before !== undefined;
  }

  end(letter: Letter): void {
    if (!letter.isLive) return;
    letter.isLive = false;
    this.live--;
    this.liveBytes -= letter.bytes;
    const key = `${letter.depositor}/${letter.slot}`;
    if (this.#bySlot.get(key) === letter) this.#bySlot.delete(key);
  }

  /** Ends the letters that were born before; how many. */
  expire(bornBefore: Instant): number {
    let count = 0;
    for (const letter of this.#letters) {
      if (letter.bornAt >= bornBefore) break;
      if (letter.isLive) count++;
      this.end(letter);
    }
    return count;
  }

  /** When the oldest is too old. */
  expiresAt(age: number): Instant {
    const first = this.#letters[0];
    return first === undefined ? never : after(first.bornAt, age as never);
  }

  /** Lets go of the dead at the head: up to which sequence nothing is wanted any more; null: nothing was there. */
  release(): Sequence | null {
    let count = 0;
    for (const letter of this.#letters) {
      if (letter.isLive) break;
      count++;
      this.#bySequence.delete(letter.sequence);
      this.#quotas.give(letter.depositor, this.recipient, letter.bytes, letter.isStranger);
    }
    const last = this.#letters[count - 1];
    if (last === undefined) return null;
    this.#letters = this.#letters.slice(count);
    return last.sequence;
  }
}

/** The ring's own name of a record. */
export const placeOf = (epoch: Epoch, sequence: Sequence): string => epoch + sequence.toString(16).padStart(16, '0');
