import type { Instant } from '#kernel';
import type { MessageId } from '../types.ts';
import { Fifo } from './fifo.ts';
import type { MessageOptions } from './options.ts';
import type { Outgoing } from './outgoing.ts';

/** Messages of ours: the unfinished, bounded in count and bytes, and the latest of the finished, without payload. */
export class Outbox {
  readonly #options: MessageOptions;
  readonly #unfinished = new Map<MessageId, Outgoing>();
  readonly #finished = new Map<MessageId, Outgoing>();
  /** In the order in which they were finished; an id that was used again stands here twice. */
  readonly #order = new Fifo<{ readonly message: Outgoing; readonly at: Instant }>();
  #bytes = 0;

  constructor(options: MessageOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#unfinished.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get finishedCount(): number {
    return this.#finished.size;
  }

  /** An id is under way once at a time: the second reply to one message waits for the first. */
  hasRoom(id: MessageId, lengthBytes: number): boolean {
    return (
      this.#unfinished.size < this.#options.outboxCount &&
      (this.#unfinished.size === 0 || this.#bytes + lengthBytes <= this.#options.outboxBytes) &&
      !this.#unfinished.has(id)
    );
  }

  add(message: Outgoing): void {
    this.#finished.delete(message.id);
    this.#unfinished.set(message.id, message);
    this.#bytes += message.lengthBytes;
  }

  get(id: MessageId): Outgoing | undefined {
    return this.#unfinished.get(id) ?? this.#finished.get(id);
  }

  unfinished(): IterableIterator<Outgoing> {
    return this.#unfinished.values();
  }

  finish(message: Outgoing, now: Instant): void {
    if (!this.#unfinished.delete(message.id)) return;
    this.#bytes -= message.lengthBytes;
    this.#finished.set(message.id, message);
    this.#order.push({ message, at: now });
    this.#forgetOld(now);
  }

  #forgetOld(now: Instant): void {
    for (let oldest = this.#order.peek(); oldest !== undefined; oldest = this.#order.peek()) {
      if (this.#order.count <= this.#options.finishedCount && now - oldest.at < this.#options.finishedMs) return;
      this.#order.shift();
      if (this.#finished.get(oldest.message.id) === oldest.message) this.#finished.delete(oldest.message.id);
    }
  }
}
