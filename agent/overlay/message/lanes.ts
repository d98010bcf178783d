import type { MessagePriority } from '../types.ts';
import { Fifo } from './fifo.ts';

/** So many may pass a lane that waits; then it is that lane's turn. */
const passedMost = 15;

interface Lane<T> {
  readonly items: Fifo<T>;
  /** How many have passed while something waited here. */
  passed: number;
}

/**
 * What waits for its turn: urgent first, bulk last, each lane in order. Nothing starves: one turn in sixteen is that of a
 * lane that others have passed.
 */
export class Lanes<T extends { readonly priority: MessagePriority }> {
  readonly #lanes: readonly Lane<T>[] = [0, 1, 2].map(() => ({ items: new Fifo(), passed: 0 }));

  get count(): number {
    let count = 0;
    for (const { items } of this.#lanes) count += items.count;
    return count;
  }

  push(item: T): void {
    this.#lanes[item.priority]?.items.push(item);
  }

  /** Whose turn it is. */
  peek(): T | undefined {
    return this.#starving()?.items.peek() ?? this.first();
  }

  /** The most urgent that waits, unless one that has been passed long enough waits too. */
  hurried(): T | undefined {
    return this.#starving() === undefined ? this.first() : undefined;
  }

  /** The most urgent. */
  first(): T | undefined {
    for (const { items } of this.#lanes) {
      const item = items.peek();
      if (item !== undefined) return item;
    }
    return undefined;
  }

  /** Takes one that has been shown. */
  shift(item: T): void {
    for (const [priority, lane] of this.#lanes.entries()) {
      if (priority === item.priority) {
        lane.items.shift();
        lane.passed = 0;
      } else if (priority > item.priority && lane.items.count > 0) lane.passed++;
    }
  }

  #starving(): Lane<T> | undefined {
    return this.#lanes.findLast(({ items, passed }) => passed >= passedMost && items.count > 0);
  }
}
