import { tallyEntries } from './layout.ts';
import type { Position } from './position.ts';

/** How many records had matched a cursor, of those appended since it was made. */
export interface Tallied {
  readonly cursor: number;
  readonly live: number;
}

/**
 * The cursors that something matched last, and how many had by then. Each batch begins with these counts as they are
 * before it, so that the one behind a damaged batch says what that one held. Bounded: the cursor longest not touched
 * goes first.
 */
export class Tally {
  readonly #counts = new Map<Position, number>();

  touch(position: Position, live: number): void {
    this.#counts.delete(position);
    this.#counts.set(position, live);
    if (this.#counts.size <= tallyEntries) return;
    const oldest = this.#counts.keys().next();
    if (oldest.done !== true) this.#counts.delete(oldest.value);
  }

  forget(position: Position): void {
    this.#counts.delete(position);
  }

  entries(): Tallied[] {
    return [...this.#counts].map(([{ id }, live]) => ({ cursor: id, live }));
  }
}
