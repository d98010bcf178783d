import type { Position } from './position.ts';
import type { Segment } from './segment.ts';

/** Sequences that a damaged batch held. */
interface Lost {
  readonly segment: Segment;
  readonly from: number;
  readonly to: number;
}

/**
 * What a replay counts is too low where a batch could not be read. It is set right by the first of these that there is:
 *
 * 1. the tally of a whole batch behind it, which is exact;
 * 2. a settlement behind it, exact up to its place, and what was replayed after that place (the cursor is not in the
 *    tallies: others were touched later);
 * 3. neither: every lost sequence is taken for a match of the cursor. Too much is reported, never too little.
 */
export class LostMatches {
  readonly #lost: Lost[] = [];
  /** So many of the losses are set right for a cursor. */
  readonly #known = new Map<Position, number>();
  /** Matches behind the first loss that lie after the cursor's settled place. */
  readonly #after = new Map<Position, { readonly sequences: number[]; settled: number }>();

  add(segment: Segment, from: number, to: number): void {
    this.#lost.push({ segment, from, to });
  }

  /** The cursor is made here: what was lost before was not for it. */
  made(position: Position): void {
    this.#known.set(position, this.#lost.length);
  }

  matched(position: Position, sequence: number): void {
    if (this.#lost.length === 0) return;
    const after = this.#after.get(position);
    if (after === undefined) this.#after.set(position, { sequences: [sequence], settled: 0 });
    else after.sequences.push(sequence);
  }

  /** So many had matched before the batch at hand. */
  tallied(position: Position, live: number): void {
    const known = this.#known.get(position) ?? 0;
    if (known === this.#lost.length) return;
    this.#known.set(position, this.#lost.length);
    this.#add(position, this.#lost.at(-1), live - position.live);
  }

  /** The cursor's settled state is now that of a settlement in the log. */
  settled(position: Position): void {
    const { settledTo, settledOrdinal, discoverTo } = position;
    const first = this.#lost[0];
    if (first === undefined || settledTo < first.from) return;
    if (settledTo < discoverTo) position.discovered = settledOrdinal;
    else
      position.live = Math.max(position.live, settledOrdinal - position.discovered + this.#later(position, settledTo));
    const open = this.#lost.findIndex(({ to }) => to > settledTo);
    const settled = open < 0 ? this.#lost.length : open;
    this.#known.set(position, Math.max(settled, this.#known.get(position) ?? 0));
  }

  finish(positions: Iterable<Position>): void {
    if (this.#lost.length === 0) return;
    for (const position of positions)
      for (const lost of this.#lost.slice(this.#known.get(position) ?? 0))
        this.#add(position, lost, lost.to - Math.max(lost.from - 1, position.settledTo, position.discoverTo));
  }

  #add(position: Position, lost: Lost | undefined, count: number): void {
    if (count <= 0) return;
    position.live += count;
    lost?.segment.matches.set(position.id, (lost.segment.matches.get(position.id) ?? 0) + count);
  }

  #later(position: Position, settledTo: number): number {
    const after = this.#after.get(position);
    if (after === undefined) return 0;
    while ((after.sequences[after.settled] ?? Number.POSITIVE_INFINITY) <= settledTo) after.settled++;
    return after.sequences.length - after.settled;
  }
}
