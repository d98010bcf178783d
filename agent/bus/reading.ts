import type { Duration } from '#kernel';
import { milliseconds, seconds } from '#kernel';

const shortestRetry = seconds(1);
const longestRetry = seconds(30);

/**
 * What a stream knows of its cursor: one read at a time; what a read brings that was begun for a session that has ended
 * is for nobody; a cursor that gives nothing though it says that there is more is asked ever more rarely.
 */
export class Reading {
  /** The cursor may have something. */
  may = false;
  #underWay = false;
  #stale = false;
  #vain = 0;

  /** A read may begin now. */
  get free(): boolean {
    return this.may && !this.#underWay;
  }

  /** Everything that there was has been read. */
  get done(): boolean {
    return !this.may && !this.#underWay;
  }

  /** A read of the session before is still under way. */
  get stale(): boolean {
    return this.#stale;
  }

  begin(): void {
    this.#underWay = true;
  }

  /** The session has ended. True: no read is under way, so the cursor can be rewound at once. */
  abandon(): boolean {
    this.#stale = this.#underWay;
    return !this.#underWay;
  }

  /** What a read has come to. */
  end(count: number, more: boolean): 'stale' | 'vain' | 'items' {
    this.#underWay = false;
    if (this.#stale) {
      this.#stale = false;
      return 'stale';
    }
    const vain = more && count === 0;
    this.may = more && !vain;
    if (!vain) this.#vain = 0;
    return vain ? 'vain' : 'items';
  }

  /** How long to wait after a vain read, each time longer. */
  nextWait(): Duration {
    return milliseconds(Math.min(longestRetry, shortestRetry * 2 ** Math.min(this.#vain++, 8)));
  }
}
