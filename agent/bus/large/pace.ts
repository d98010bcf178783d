import type { Duration, Instant } from '#kernel';
import { since } from '#kernel';

/**
 * How many pieces may be under way to one contact. Delay tells, not loss (as RFC 6817 has it for traffic that yields): while a
 * piece takes hardly longer than the quickest lately, one more is tried a round; when it takes longer, pieces stand in a
 * queue somewhere, perhaps before somebody's urgent message, and there will be one less.
 */
const leastPieces = 1;
const mostPieces = 16;
/** What a queue may add. */
const queueMs = 25;
/** The quickest is forgotten after so many pieces: routes change. */
const memoryPieces = 512;

export class Pace {
  #window = 2;
  #underWay = 0;
  #quickest = Number.POSITIVE_INFINITY;
  #quickestBefore = Number.POSITIVE_INFINITY;
  #seen = 0;
  #credit = 0;

  get window(): number {
    return this.#window;
  }

  get underWay(): number {
    return this.#underWay;
  }

  get hasRoom(): boolean {
    return this.#underWay < this.#window;
  }

  began(): void {
    this.#underWay++;
  }

  /** `sentAt` null: it never went out, or was given up. */
  ended(sentAt: Instant | null, now: Instant): void {
    this.#underWay--;
    if (sentAt === null) this.#window = leastPieces;
    else this.#heard(since(sentAt, now));
  }

  #heard(took: Duration): void {
    this.#remember(took);
    const quickest = Math.min(this.#quickest, this.#quickestBefore);
    const isQueued = took > Math.max(quickest + queueMs, quickest * 1.5);
    this.#credit += isQueued ? -2 : 1;
    if (this.#credit >= this.#window) this.#step(1);
    else if (this.#credit <= -this.#window) this.#step(-1);
  }

  #step(by: 1 | -1): void {
    this.#window = Math.min(mostPieces, Math.max(leastPieces, this.#window + by));
    this.#credit = 0;
  }

  #remember(took: number): void {
    this.#quickest = Math.min(this.#quickest, took);
    if (++this.#seen < memoryPieces) return;
    this.#seen = 0;
    this.#quickestBefore = this.#quickest;
    this.#quickest = Number.POSITIVE_INFINITY;
  }
}
