import { countOf, gapsAfter } from './gaps.ts';
import type { Position } from './position.ts';
import { Unsettled } from './unsettled.ts';

const shownLimit = 64;

/**
 * What `drop-oldest` has dropped from under a cursor after it was handed out, and so counted as dropped: its owner may
 * yet say that it was delivered. Then it counts as settled, and the gap that stands for it begins behind it.
 */
export class Overtaken {
  readonly #records = new Unsettled();
  /** The gaps as they were handed out, ever longer: up to where, and how many were dropped since. */
  #shown: { readonly to: number; later: number }[] = [];

  /** `count` records up to `to` were dropped; those of `unsettled` were handed out before. */
  dropped(unsettled: Unsettled, to: number, count: number): void {
    unsettled.move(to, count, this.#records);
    for (const shown of this.#shown) shown.later += count;
  }

  /** All gaps that there are, up to there, were handed out. */
  shown(to: number): void {
    this.#shown.push({ to, later: 0 });
    if (this.#shown.length > shownLimit) this.#shown.shift();
  }

  /** Everything up to `to` is done with; returns how many that had counted as dropped were delivered after all. */
  settle(position: Position, to: number): number {
    const shown = this.#shown.findLast((one) => one.to <= to);
    let back = 0;
    if (shown !== undefined) {
      back += this.#records.take(shown.to).records;
      this.#shown = this.#shown.filter((one) => one.to > to);
      position.gaps = gapsAfter(position.gaps, shown.to, shown.later);
    }
    const later = this.#records.take(to).records;
    const first = position.gaps[0];
    if (first !== undefined && to >= first.from)
      position.gaps = gapsAfter(position.gaps, to, countOf(position.gaps) - later);
    if (position.gaps.length === 0) this.#shown = [];
    back += later;
    position.dropped.full -= back;
    return back;
  }

  /** What was handed out is handed out again, or dropped for good. */
  clear(): void {
    this.#records.clear();
    this.#shown = [];
  }
}
