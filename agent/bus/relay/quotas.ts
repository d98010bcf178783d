import type { Duration, PublicKey } from '#kernel';
import type { Verdict } from './frame.ts';

/** What a relay holds at most. */
export interface RelayLimits {
  /** Of all letters together; the ring behind it is larger. */
  readonly bytes: number;
  readonly letters: number;
  readonly senderBytes: number;
  readonly senderLetters: number;
  readonly recipientBytes: number;
  readonly recipientLetters: number;
  /** Letters that are older go, by powered time. */
  readonly age: Duration;
  /** Mailboxes, and clients whose announcements are kept. */
  readonly clients: number;
}

interface Use {
  bytes: number;
  letters: number;
}

/** What one letter costs beside its bytes: its record's head and its place in the index. */
export const letterOverhead = 256;

/**
 * Who holds how much. A letter counts for its depositor and its recipient until its space is free again, also when it was
 * replaced or taken before: so whoever replaces in a loop fills nothing but the own quota. Deposits between strangers
 * (in an open relay) have half of everything at most: many keys that one person made cannot keep contacts out.
 */
export class Quotas {
  readonly limits: RelayLimits;
  readonly all: Use = { bytes: 0, letters: 0 };
  readonly strangers: Use = { bytes: 0, letters: 0 };
  readonly #senders = new Map<PublicKey, Use>();
  readonly #recipients = new Map<PublicKey, Use>();

  constructor(limits: RelayLimits) {
    this.limits = limits;
  }

  /** What stands in the way of one more; null: nothing. */
  refusal(sender: PublicKey, recipient: PublicKey, bytes: number, isStranger: boolean): Verdict | null {
    const { limits } = this;
    const size = bytes + letterOverhead;
    if (size > Math.min(limits.bytes, limits.senderBytes, limits.recipientBytes)) return 'too-large';
    if (isOver(this.#senders.get(sender), size, limits.senderBytes, limits.senderLetters)) return 'sender-full';
    if (isOver(this.#recipients.get(recipient), size, limits.recipientBytes, limits.recipientLetters))
      return 'recipient-full';
    if (isOver(this.all, size, limits.bytes, limits.letters)) return 'full';
    if (isStranger && isOver(this.strangers, size, limits.bytes / 2, limits.letters / 2)) return 'full';
    return null;
  }

  take(sender: PublicKey, recipient: PublicKey, bytes: number, isStranger: boolean): void {
    this.#change(sender, recipient, bytes + letterOverhead, 1, isStranger);
  }

  give(sender: PublicKey, recipient: PublicKey, bytes: number, isStranger: boolean): void {
    this.#change(sender, recipient, -bytes - letterOverhead, -1, isStranger);
  }

  senders(): Iterable<readonly [PublicKey, Readonly<Use>]> {
    return this.#senders;
  }

  recipients(): Iterable<readonly [PublicKey, Readonly<Use>]> {
    return this.#recipients;
  }

  #change(sender: PublicKey, recipient: PublicKey, bytes: number, letters: number, isStranger: boolean): void {
    add(this.all, bytes, letters);
    if (isStranger) add(this.strangers, bytes, letters);
    change(this.#senders, sender, bytes, letters);
    change(this.#recipients, recipient, bytes, letters);
  }
}

const isOver = (use: Use | undefined, bytes: number, mostBytes: number, mostLetters: number): boolean =>
  (use?.bytes ?? 0) + bytes > mostBytes || (use?.letters ?? 0) + 1 > mostLetters;

function add(use: Use, bytes: number, letters: number): void {
  use.bytes += bytes;
  use.letters += letters;
}

/** Nobody who holds nothing is remembered. */
function change(uses: Map<PublicKey, Use>, key: PublicKey, bytes: number, letters: number): void {
  const use = uses.get(key) ?? { bytes: 0, letters: 0 };
  add(use, bytes, letters);
  if (use.letters > 0) uses.set(key, use);
  else uses.delete(key);
}
