import type { PublicKey } from '#kernel';
import type { MessageId } from '../types.ts';
import type { MessageOptions } from './options.ts';

/**
 * Stands for the DONE of a message that came on the better path, which hashes nothing: its id was drawn for it alone. Not
 * for a reply, whose id is that of what it answers.
 */
export const anyDone = '';

/** The completed ids of one sender in two generations: when the young one is full it becomes the old one. */
class Generations {
  young = new Map<string, string>();
  old = new Map<string, string>();

  get size(): number {
    return this.young.size + this.old.size;
  }
}

/**
 * Which messages have been delivered, with the DONE that completed each, so that none is delivered twice and a repeated
 * DONE is answered again. Remembered are at least the latest `rememberedPerSender` of a sender, and `rememberedInAll`
 * of all; beyond that whoever has been quiet for longest is forgotten first. A message and the reply to it share an id.
 */
export class Remembered {
  readonly #options: MessageOptions;
  /** Least recently heard of first. */
  readonly #senders = new Map<PublicKey, Generations>();
  #count = 0;

  constructor(options: MessageOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  /** `done`: the body of the DONE as latin-1 text. */
  add(from: PublicKey, id: MessageId, isReply: boolean, done: string): void {
    const generations = this.#senders.get(from) ?? new Generations();
    this.#senders.delete(from);
    this.#senders.set(from, generations);
    if (generations.young.size >= this.#options.rememberedPerSender) {
      this.#count -= generations.old.size;
      generations.old = generations.young;
      generations.young = new Map();
    }
    generations.young.set(keyOf(id, isReply), done);
    this.#count++;
    this.#keepWithinBounds();
  }

  has(from: PublicKey, id: MessageId, isReply: boolean): boolean {
    return this.#find(from, keyOf(id, isReply)) !== undefined;
  }

  hasAny(from: PublicKey, id: MessageId): boolean {
    return this.has(from, id, false) || this.has(from, id, true);
  }

  /** True when exactly this DONE has completed the message (or the reply) of that id, or any would have. */
  hasDone(from: PublicKey, id: MessageId, done: string): boolean {
    const known = this.#find(from, keyOf(id, false));
    return known === done || known === anyDone || this.#find(from, keyOf(id, true)) === done;
  }

  #find(from: PublicKey, key: string): string | undefined {
    const generations = this.#senders.get(from);
    return generations?.young.get(key) ?? generations?.old.get(key);
  }

  #keepWithinBounds(): void {
    for (const [from, generations] of this.#senders) {
      const isTooMuch = this.#count > this.#options.rememberedInAll;
      if (!isTooMuch && this.#senders.size <= this.#options.rememberedSenders) return;
      if (isTooMuch && generations.old.size > 0) {
        this.#count -= generations.old.size;
        generations.old = new Map();
        continue;
      }
      this.#count -= generations.size;
      this.#senders.delete(from);
    }
  }
}

const keyOf = (id: MessageId, isReply: boolean): string => (isReply ? `${id}r` : id);
