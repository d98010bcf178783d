import type { ClientLink } from './client-link.ts';
import type { LiveMessage } from './live.ts';

export interface Item {
  readonly sequence: number;
  /** Null: nobody is to be answered. */
  readonly connection: ClientLink | null;
  /** 0: no answer. */
  readonly type: number;
  readonly id: number;
  readonly code: number;
  readonly message: LiveMessage | null;
}

/**
 * What waits for the sync, in order of arrival (which is the order of sequences). Bounded by each connection's own
 * limit, beyond which it is not read.
 */
export class Waiting {
  #items: Item[] = [];
  #first = 0;
  /** The sequence that the newest item waits for. */
  last = 0;

  get count(): number {
    return this.#items.length - this.#first;
  }

  push(
    sequence: number,
    connection: ClientLink | null,
    type: number,
    id: number,
    code: number,
    message: LiveMessage | null,
  ): void {
    this.last = sequence;
    if (connection !== null) connection.waiting++;
    this.#items.push({ sequence, connection, type, id, code, message });
  }

  /** The oldest item, if it waits for nothing beyond `durable`. */
  take(durable: number): Item | undefined {
    const item = this.#items[this.#first];
    if (item === undefined || item.sequence > durable) {
      this.#compact();
      return undefined;
    }
    this.#first++;
    return item;
  }

  #compact(): void {
    if (this.#first === this.#items.length) this.#items = [];
    else if (this.#first > 4_096) this.#items = this.#items.slice(this.#first);
    else return;
    this.#first = 0;
  }
}
