import { sequence } from '#kernel';
import type { GapRecord } from '#ring';

/**
 * While a gap is not acknowledged the ring may drop more behind it, and then tells of all of it again. A reader that has
 * heard of the first part is told of the rest alone.
 */
export class Gaps {
  #told: GapRecord | null = null;

  /** A reader that knows nothing yet. */
  forget(): void {
    this.#told = null;
  }

  /** What is new in it; null: nothing. */
  news(gap: GapRecord): GapRecord | null {
    const told = this.#told;
    this.#told = gap;
    if (told === null || gap.from > told.to) return gap;
    const count = gap.count - told.count;
    if (count <= 0) return null;
    const before = new Map(told.topics.map(({ topic, count: known }) => [topic, known]));
    const topics = gap.topics
      .map(({ topic, count: all }) => ({ topic, count: all - (before.get(topic) ?? 0) }))
      .filter((one) => one.count > 0);
    return { ...gap, from: sequence(told.to + 1), count, topics };
  }
}
