import type { Instant } from '#kernel';
import { never } from '#kernel';

/** What is planned; both fields belong to the agenda. */
export interface Planned {
  dueAt: Instant;
  /** Where it stands in the heap; −1: nowhere. */
  place: number;
}

/** Things by when they are due: a binary heap in which each stands at most once, so it is never larger than the table it serves. */
export class Agenda<T extends Planned> {
  readonly #heap: T[] = [];

  get next(): Instant {
    return this.#heap[0]?.dueAt ?? never;
  }

  set(thing: T, at: Instant): void {
    if (at === never) return this.remove(thing);
    if (thing.place === -1) thing.place = this.#heap.push(thing) - 1;
    thing.dueAt = at;
    this.#rise(thing);
    this.#sink(thing);
  }

  /** No later than `at`; what is due sooner stays so. */
  hasten(thing: T, at: Instant): void {
    if (thing.place === -1 || at < thing.dueAt) this.set(thing, at);
  }

  remove(thing: T): void {
    const { place } = thing;
    const last = this.#heap.at(-1);
    if (place === -1 || last === undefined) return;
    this.#heap.pop();
    thing.place = -1;
    thing.dueAt = never;
    if (last === thing) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** What is due, taken off. */
  take(now: Instant): T | null {
    const first = this.#heap[0];
    if (first === undefined || first.dueAt > now) return null;
    this.remove(first);
    return first;
  }

  #put(thing: T, place: number): void {
    this.#heap[place] = thing;
    thing.place = place;
  }

  #rise(thing: T): void {
    while (thing.place > 0) {
      const above = this.#heap[(thing.place - 1) >> 1] as T;
      if (above.dueAt <= thing.dueAt) return;
      this.#swap(above, thing);
    }
  }

  #sink(thing: T): void {
    for (;;) {
      const left = this.#heap[thing.place * 2 + 1];
      const right = this.#heap[thing.place * 2 + 2];
      const below = right !== undefined && left !== undefined && right.dueAt < left.dueAt ? right : left;
      if (below === undefined || below.dueAt >= thing.dueAt) return;
      this.#swap(thing, below);
    }
  }

  #swap(above: T, below: T): void {
    const { place } = above;
    this.#put(above, below.place);
    this.#put(below, place);
  }
}
