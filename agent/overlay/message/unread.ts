import type { Address } from '#kernel';
import type { MessageId } from '../types.ts';
import { Fifo } from './fifo.ts';

/** Delivered messages that no application has taken yet, so that READ finds its way. The oldest are forgotten first. */
export class Unread {
  readonly #limit: number;
  readonly #senders = new Map<MessageId, Address>();
  /** In the order of delivery, with those that have been taken since. */
  readonly #order = new Fifo<MessageId>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The first of two senders with one id keeps it. */
  add(id: MessageId, from: Address): void {
    if (this.#senders.has(id)) return;
    this.#senders.set(id, from);
    this.#order.push(id);
    if (this.#order.count <= this.#limit) return;
    const oldest = this.#order.shift();
    if (oldest !== undefined) this.#senders.delete(oldest);
  }

  take(id: MessageId): Address | undefined {
    const from = this.#senders.get(id);
    this.#senders.delete(id);
    return from;
  }
}
