import { assert } from './error.ts';

/** First in, first out, at most `limit` items; a full queue refuses. Constant time, no allocation per item. */
export class BoundedQueue<T> {
  readonly limit: number;
  #slots: (T | undefined)[] = [];
  #first = 0;
  #count = 0;

  constructor(limit: number) {
    assert(Number.isInteger(limit) && limit > 0, `queue limit ${limit}`);
    this.limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  /** False when full: the caller's policy decides what then. */
  push(item: T): boolean {
    if (this.#count === this.limit) return false;
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.#count) % this.#slots.length] = item;
    this.#count++;
    return true;
  }

  peek(): T | undefined {
    return this.#slots[this.#first];
  }

  shift(): T | undefined {
    if (this.#count === 0) return undefined;
    const item = this.#slots[this.#first];
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#slots.length;
    this.#count--;
    return item;
  }

  #grow(): void {
    const old = this.#slots;
    const wider = Array.from<T | undefined>({ length: Math.min(this.limit, Math.max(16, old.length * 2)) });
    for (let index = 0; index < this.#count; index++) wider[index] = old[(this.#first + index) % old.length];
    this.#slots = wider;
    this.#first = 0;
  }
}
