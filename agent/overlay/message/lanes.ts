import type { MessagePriority } from '../types.ts';
import { Fifo } from './fifo.ts';

/** Of so many turns in a row, one is the lowest lane's that waits and one the middle's, whatever waits above. */
const turns = 16;

/**
 * What waits for its turn: urgent first, bulk last, each lane in order. Nothing starves: one turn in sixteen is the lowest
 * lane's, and one the middle's.
 */
export class Lanes<T extends { readonly priority: MessagePriority }> {
  readonly #lanes: readonly Fifo<T>[] = [new Fifo(), new Fifo(), new Fifo()];
  #turn = 0;

  get count(): number {
    let count = 0;
    for (const lane of this.#lanes) count += lane.count;
    return count;
  }

  push(item: T): void {
    this.#lanes[item.priority]?.push(item);
  }

  /** Whose turn it is; the same until it is shifted or something above it comes. */
  peek(): T | undefined {
    if (this.#turn === turns - 1) return this.#lanes.findLast((lane) => lane.count > 0)?.peek();
    if (this.#turn === turns / 2 - 1) return this.#lanes[1]?.peek() ?? this.first();
    return this.first();
  }

  /** The most urgent. */
  first(): T | undefined {
    for (const lane of this.#lanes) {
      const item = lane.peek();
      if (item !== undefined) return item;
    }
    return undefined;
  }

  /** Takes one that `peek` or `first` has shown. */
  shift(item: T): void {
    this.#lanes[item.priority]?.shift();
    this.#turn = (this.#turn + 1) % turns;
  }
}
