import type { Clock, Instant, Log as Journal } from '#kernel';
import { after, isAgentError, messageOf, seconds } from '#kernel';
import type { Committer } from './committer.ts';
import { Compactor } from './compactor.ts';
import type { CursorTable } from './cursor-table.ts';
import type { Log } from './log.ts';
import type { Names } from './matcher.ts';
import type { Position } from './position.ts';
import type { Segment } from './segment.ts';
import type { Space } from './space.ts';
import { surveyed } from './survey.ts';
import { Sweeper } from './sweeper.ts';

/** After a vain attempt with nothing changed since. */
const againAfter = seconds(5);

export interface TidierOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly log: Log;
  readonly positions: ReadonlyMap<number, Position>;
  readonly committer: Committer;
  readonly cursors: CursorTable;
  readonly space: Space;
  readonly names: Names;
  readonly coveredTo: () => number;
  readonly ringTime: () => number;
  /** Records are dropped when nothing else helps: what they are is to be known before. */
  readonly drops: boolean;
  /** Room may be made now. */
  readonly done: () => void;
}

/** What is done when space is short, before anything is dropped or refused: sweep what has expired, compact, look at what goes. */
export class Tidier {
  readonly #options: TidierOptions;
  readonly #sweeper: Sweeper;
  readonly #compactor: Compactor;
  #work: Promise<void> | null = null;
  /** The log as it was after the last attempt, and when another is due whether or not it has changed. */
  #tried: { readonly changes: number; readonly again: Instant } | null = null;
  #stopped = false;

  constructor(options: TidierOptions) {
    const { clock, journal, log, positions, names, coveredTo, ringTime, committer, cursors } = options;
    this.#options = options;
    this.#sweeper = new Sweeper({ clock, journal, cursors: () => cursors.keeping() });
    const between = <T>(work: () => Promise<T>): Promise<T | null> => committer.between(work);
    this.#compactor = new Compactor({ log, journal, positions, names, coveredTo, ringTime, between });
  }

  /** A cursor was opened whose records may expire. */
  look(): void {
    this.#sweeper.look();
  }

  get compactedSegments(): number {
    return this.#compactor.counts.sources;
  }

  /** The compaction reads it now. */
  inUse(segment: Segment): boolean {
    return this.#compactor.reads(segment);
  }

  /** A compaction would help, after a checkpoint. */
  get waitsForCheckpoint(): boolean {
    return this.#work === null && !this.inVain && this.#compactor.waitsForCheckpoint;
  }

  /** True when nothing is to be gained by `run` now. */
  get inVain(): boolean {
    const { clock, log, committer } = this.#options;
    // No slot is left at all: no time for anything.
    if (this.#stopped || committer.whyCode === 'ring/full') return true;
    const tried = this.#tried;
    return this.#work === null && tried !== null && tried.changes === log.changes && clock.now() < tried.again;
  }

  run(): void {
    if (this.#work !== null || this.#stopped) return;
    const { journal, done } = this.#options;
    this.#work = this.#tidy()
      .catch((error: unknown) => {
        if (!isAgentError(error)) throw error;
        journal.warn('ring-compaction-refused', { code: error.code, why: messageOf(error) });
      })
      .finally(() => {
        const { clock, log } = this.#options;
        this.#tried = { changes: log.changes, again: after(clock.now(), againAfter) };
        this.#work = null;
        if (!this.#stopped) done();
      });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#compactor.stop();
    await this.#sweeper.stop();
    await this.#work;
  }

  async #tidy(): Promise<void> {
    await this.#sweeper.sweep();
    if ((await this.#compactor.run()) || !this.#options.drops || this.#stopped) return;
    await this.#survey();
  }

  async #survey(): Promise<void> {
    const { log, space, names } = this.#options;
    const next = space.next();
    if (next !== null) space.survey(next.segment, await surveyed(log, next.segment, next.losers, names));
  }
}
