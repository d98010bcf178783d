import type { Clock, Instant, Random, Timer, WallTime } from '#kernel';
import { instant } from '#kernel';
import { Chance } from './chance.ts';

interface Planned {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/**
 * The simulation's one clock and one order of events. Everything that happens is planned here, and what is planned for
 * the same instant happens in the order of planning: one seed, one history.
 */
export class World {
  readonly seed: number;
  readonly chance: Chance;
  #now = 0;
  #order = 0;
  #heap: Planned[] = [];

  constructor(seed: number) {
    this.seed = seed;
    this.chance = new Chance(seed);
  }

  get now(): Instant {
    return instant(this.#now);
  }

  /** Plans `run` in `delayMs` from now. */
  plan(delayMs: number, run: () => void): Timer {
    const planned: Planned = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(planned);
    return {
      cancel: () => {
        planned.run = null;
      },
    };
  }

  /** Runs everything planned up to `untilMs`, letting promises settle after each step. False when `done` never held. */
  async run(untilMs: number, done: () => boolean = () => false): Promise<boolean> {
    await settle();
    while (!done()) {
      const next = this.#heap[0];
      if (next === undefined || next.at > untilMs) {
        this.#now = Math.max(this.#now, untilMs);
        return done();
      }
      this.#pop();
      if (next.run === null) continue;
      this.#now = next.at;
      next.run();
      await settle();
    }
    return true;
  }

  /** The clock of one node; its wall clock says what `wallOffsetMs` makes it say. A dead node's timers do not fire. */
  clock(node: { readonly alive: boolean; readonly wallOffsetMs: number }): Clock {
    const guarded = (run: () => void) => () => {
      if (node.alive) run();
    };
    return {
      now: () => this.now,
      wall: () => (node.wallOffsetMs + this.#now) as WallTime,
      at: (when, run) => this.plan(when - this.#now, guarded(run)),
      soon: (run) => {
        this.plan(0, guarded(run));
      },
    };
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let index = heap.push(planned) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Planned;
      if (!before(planned, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = planned;
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
      if (right !== undefined && before(right, heap[child] as Planned)) child++;
      const below = heap[child] as Planned;
      if (!before(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}

const before = (a: Planned, b: Planned): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Lets every promise that can settle without a planned event settle. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Random port of one node, from its own stream so that nodes do not disturb each other. */
export function simulatedRandom(chance: Chance): Random {
  return { bytes: (length) => chance.bytes(length), fraction: () => chance.fraction() };
}
