import type { Position } from './position.ts';

/**
 * What a replay counts is too low where a batch could not be read. A settlement says exactly how many had matched up to
 * its place; so behind the first damage each cursor's matches that lie after its settled position are remembered, and
 * its count is that of its newest settlement and those.
 */
export class MatchesSinceDamage {
  #from = Number.POSITIVE_INFINITY;
  readonly #after = new Map<Position, { readonly sequences: number[]; settled: number }>();

  /** Records from `from` on are missing. */
  begin(from: number): void {
    this.#from = Math.min(this.#from, from);
  }

  matched(position: Position, sequence: number): void {
    if (sequence < this.#from) return;
    const after = this.#after.get(position);
    if (after === undefined) this.#after.set(position, { sequences: [sequence], settled: 0 });
    else after.sequences.push(sequence);
  }

  /** The cursor's settled state is now that of a settlement in the log. */
  settled(position: Position): void {
    const { settledTo, settledOrdinal, discoverTo } = position;
    if (settledTo < this.#from) return;
    if (settledTo < discoverTo) position.discovered = settledOrdinal;
    else position.live = settledOrdinal - position.discovered + this.#later(position, settledTo);
  }

  #later(position: Position, settledTo: number): number {
    const after = this.#after.get(position);
    if (after === undefined) return 0;
    while ((after.sequences[after.settled] ?? Number.POSITIVE_INFINITY) <= settledTo) after.settled++;
    return after.sequences.length - after.settled;
  }
}
