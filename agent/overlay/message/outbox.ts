import type { Instant } from '#kernel';
import type { MessageId } from '../types.ts';
import { Fifo } from './fifo.ts';
import type { MessageOptions } from './options.ts';
import type { Load } from './shared.ts';

/** Messages of ours: the unfinished, bounded in number and bytes, and the latest of the finished, without payload. */
export class Outbox<M extends { readonly id: MessageId; readonly lengthBytes: number }> {
  readonly #options: MessageOptions;
  readonly #load: Load;
  readonly #unfinished = new Map<MessageId, M>();
  readonly #finished = new Map<MessageId, M>();
  /** In the order in which they were finished; an id that was used again stands here twice. */
  readonly #order = new Fifo<{ readonly message: M; readonly at: Instant }>();

  constructor(options: MessageOptions, load: Load) {
    this.#options = options;
    this.#load = load;
  }

  get count(): number {
    return this.#unfinished.size;
  }

  get finishedCount(): number {
    return this.#finished.size;
  }

  /** An id is under way once at a time: the second reply to one message waits for the first. */
  hasRoom(id: MessageId, lengthBytes: number): boolean {
    return this.#load.hasRoom(lengthBytes) && !this.#unfinished.has(id);
  }

  add(message: M): void {
    this.#finished.delete(message.id);
    this.#unfinished.set(message.id, message);
    this.#load.take(message.lengthBytes);
  }

  isUnfinished(id: MessageId): boolean {
    return this.#unfinished.has(id);
  }

  get(id: MessageId): M | undefined {
    return this.#unfinished.get(id) ?? this.#finished.get(id);
  }

  unfinished(): IterableIterator<M> {
    return this.#unfinished.values();
  }

  finish(message: M, now: Instant): void {
    if (!this.remove(message)) return;
    this.#finished.set(message.id, message);
    this.#order.push({ message, at: now });
    this.#forgetOld(now);
  }

  /** It is somebody else's now. */
  remove(message: M): boolean {
    if (!this.#unfinished.delete(message.id)) return false;
    this.#load.giveBack(message.lengthBytes);
    return true;
  }

  #forgetOld(now: Instant): void {
    for (let oldest = this.#order.peek(); oldest !== undefined; oldest = this.#order.peek()) {
      if (this.#order.count <= this.#options.finishedCount && now - oldest.at < this.#options.finishedMs) return;
      this.#order.shift();
      if (this.#finished.get(oldest.message.id) === oldest.message) this.#finished.delete(oldest.message.id);
    }
  }
}
