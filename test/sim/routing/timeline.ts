import { type Instant, instant } from '#kernel';

interface Planned {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** One order of events for many routers. Unlike `World` it lets no promise settle, so that a million events cost a second or two. */
export class Timeline {
  readonly #heap: Planned[] = [];
  #now = 0;
  #order = 0;
  events = 0;

  get now(): Instant {
    return instant(this.#now);
  }

  at(when: number, run: () => void): void {
    const planned = { at: Math.max(when, this.#now), order: this.#order++, run };
    const heap = this.#heap;
    let index = heap.push(planned) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Planned;
      if (!isBefore(planned, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = planned;
  }

  in(delayMs: number, run: () => void): void {
    this.at(this.#now + delayMs, run);
  }

  runUntil(end: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop();
      this.#now = next.at;
      this.events++;
      next.run();
    }
    this.#now = end;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Planned)) child++;
      const below = heap[child] as Planned;
      if (!isBefore(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}

const isBefore = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** A timer that is only ever moved to a machine's deadline: later moves cost nothing, as in the agent's own alarm. */
export class Deadline {
  readonly #timeline: Timeline;
  readonly #ring: () => void;
  #timerAt = Number.POSITIVE_INFINITY;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(timeline: Timeline, ring: () => void) {
    this.#timeline = timeline;
    this.#ring = ring;
  }

  set(deadline: number): void {
    this.#deadline = deadline;
    if (deadline >= this.#timerAt) return;
    this.#timerAt = deadline;
    this.#timeline.at(deadline, () => this.#fired(deadline));
  }

  #fired(at: number): void {
    if (at !== this.#timerAt) return;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const deadline = this.#deadline;
    if (this.#timeline.now >= deadline) {
      this.#deadline = Number.POSITIVE_INFINITY;
      this.#ring();
    } else if (deadline < Number.POSITIVE_INFINITY) this.set(deadline);
  }
}
