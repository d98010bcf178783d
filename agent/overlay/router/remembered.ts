import type { Instant } from '#kernel';
import { never } from '#kernel';

/**
 * Things remembered until an instant, by key; at most `limit`. When it is full the one remembered first is forgotten.
 * All of one memory live equally long, so they end in the order in which they began.
 */
export class Remembered<K, V> {
  readonly #limit: number;
  readonly #known = new Map<K, { readonly value: V; readonly expires: Instant }>();
  forgotten = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#known.size;
  }

  get(key: K, now: Instant): V | undefined {
    const known = this.#known.get(key);
    return known !== undefined && known.expires > now ? known.value : undefined;
  }

  set(key: K, value: V, expires: Instant): void {
    this.#known.delete(key);
    if (this.#known.size >= this.#limit) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
      this.forgotten++;
    }
    this.#known.set(key, { value, expires });
  }

  delete(key: K): void {
    this.#known.delete(key);
  }

  *entries(now: Instant): Iterable<readonly [K, V, Instant]> {
    for (const [key, { value, expires }] of this.#known) if (expires > now) yield [key, value, expires];
  }

  sweep(now: Instant): void {
    for (const [key, { expires }] of this.#known) {
      if (expires > now) return;
      this.#known.delete(key);
    }
  }

  deadline(): Instant {
    for (const { expires } of this.#known.values()) return expires;
    return never;
  }
}
