import type { Address } from '#kernel';
import type { MessageId } from '../types.ts';

/** Delivered messages that no application has taken yet, so that READ finds its way. The oldest are forgotten first. */
export class Unread {
  readonly #limit: number;
  readonly #senders = new Map<MessageId, Address>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The first of two senders with one id keeps it. */
  add(id: MessageId, from: Address): void {
    if (this.#senders.has(id)) return;
    this.#senders.set(id, from);
    if (this.#senders.size <= this.#limit) return;
    for (const oldest of this.#senders.keys()) {
      this.#senders.delete(oldest);
      return;
    }
  }

  take(id: MessageId): Address | undefined {
    const from = this.#senders.get(id);
    this.#senders.delete(id);
    return from;
  }
}
