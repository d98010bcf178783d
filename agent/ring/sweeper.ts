import type { Clock, Log as Journal, Timer } from '#kernel';
import { after, isAgentError, messageOf, seconds } from '#kernel';
import type { OpenCursor } from './cursor.ts';

const every = seconds(5);
const turnBytes = 1024 * 1024;

export interface SweeperOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  /** The opened cursors whose owners say that records grow too old. */
  readonly cursors: () => Iterable<OpenCursor>;
}

/**
 * Settles what has expired at the head of cursors that nobody reads: a link that is down for weeks holds no space with
 * what it will never send. One cursor at a time, a megabyte a turn.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: Timer | null = null;
  #work: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** A cursor was opened. */
  look(): void {
    const { clock } = this.#options;
    if (this.#stopped || this.#timer !== null || [...this.#options.cursors()].length === 0) return;
    this.#timer = clock.at(after(clock.now(), every), () => {
      void this.sweep().then(() => {
        this.#timer = null;
        this.look();
      });
    });
  }

  /** Goes over all cursors once; resolves when that is done. */
  sweep(): Promise<void> {
    this.#work = this.#work.then(() => this.#sweepAll());
    return this.#work;
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    return this.#work;
  }

  async #sweepAll(): Promise<void> {
    for (const cursor of [...this.#options.cursors()]) {
      try {
        while (!this.#stopped && !(await cursor.sweep(turnBytes)));
      } catch (error) {
        if (!isAgentError(error)) throw error;
        this.#options.journal.warn('ring-sweep-refused', { cursor: cursor.name, why: messageOf(error) });
      }
    }
  }
}
