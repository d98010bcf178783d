import type { Clock, Duration, Epoch, Instant, Log as Journal, Random, Timer } from '#kernel';
import { after, isAgentError, messageOf, milliseconds } from '#kernel';
import type { BatchHeader } from './batch.ts';
import type { Log } from './log.ts';
import type { Segment } from './segment.ts';
import { Stage } from './stage.ts';
import type { Tallied, Tally } from './tally.ts';
import type { Lane } from './types.ts';

const firstBackoffMs = 50;
const longestBackoffMs = 5_000;

export interface CommitterOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly epoch: Epoch;
  /** How long a commit may gather that holds something of the lane; null: of the ring's own alone. */
  readonly window: (lane: Lane | null) => Duration;
  readonly allocate: (bytes: number) => Uint8Array;
  readonly ringTime: () => number;
  readonly tally: Tally;
  /** The last moment to add records to a batch. */
  readonly beforeSeal: (stage: Stage) => void;
  readonly durable: (stage: Stage, segment: Segment) => void;
  /** The disk refused, or (`ring/full`) there is no slot for the next batch: make room if that can be. */
  readonly stalled: (code: string) => void;
}

/**
 * Turns what is staged into durable batches, one at a time: one stage fills while the other is on its way.
 *
 *   idle --append--> gathering --window over, or enough staged--> writing --synced--> idle or gathering
 *                                                                 writing --failed--> stalled --back-off--> writing
 *
 * A batch that failed is written again as it is, with the same sequences, until the disk takes it.
 */
export class Committer {
  readonly #options: CommitterOptions;
  #filling: Stage;
  #spare: Stage;
  #writing = false;
  #timer: Timer | null = null;
  #closed = false;
  /** Another commit was asked for while one was under way. */
  #again = false;
  /** When what is staged is to be committed; null while nothing is. */
  #due: Instant | 'soon' | null = null;
  /** The shortest window among what is staged. */
  #window: Duration | null = null;
  /** What the timer, or the end of the tick, is set to. */
  #scheduled: Instant | 'soon' | null = null;
  /** The stage that is being written. */
  #underWay: Stage | null = null;
  /** Who waits for a moment between two commits. */
  readonly #others: (() => void)[] = [];
  /** Wakes the back-off early. */
  #wake: (() => void) | null = null;
  why: string | null = null;
  whyCode: string | null = null;
  commits = 0;

  constructor(options: CommitterOptions, next: number) {
    this.#options = options;
    this.#filling = new Stage(options.allocate);
    this.#spare = new Stage(options.allocate);
    this.#filling.begin(next, options.tally.entries());
  }

  /** The stage that takes records now. */
  get stage(): Stage {
    return this.#filling;
  }

  /** What messages of the lane take that are not durable yet. */
  stagedOf(lane: Lane): number {
    return (this.#filling.laneBytes[lane] ?? 0) + (this.#underWay?.laneBytes[lane] ?? 0);
  }

  get writing(): boolean {
    return this.#writing;
  }

  /** Something was staged; the most urgent lane of it. */
  staged(lane: Lane | null): void {
    if (this.#closed) return;
    const window = this.#options.window(lane);
    if (this.#window === null || window < this.#window) this.#hasten(window);
    if (!this.#writing) this.#schedule();
  }

  /** Commits what is staged, even nothing, as soon as no other commit is under way. */
  commit(): void {
    if (this.#closed) return;
    if (this.#writing) {
      this.#again = true;
      return;
    }
    this.#timer?.cancel();
    this.#scheduled = null;
    this.#again = false;
    this.#due = null;
    this.#window = null;
    this.#writing = true;
    const stage = this.#filling;
    this.#underWay = stage;
    this.#options.beforeSeal(stage);
    stage.seal();
    this.#filling = this.#spare;
    this.#filling.begin(stage.last + 1, this.#tallyAfter(stage));
    void this.#write(stage);
  }

  /** Before the first commit: `work` is repeated until the disk has done it. */
  async prepare(work: () => Promise<void>): Promise<void> {
    this.#writing = true;
    if (!(await this.#untilDone(work))) return;
    this.#writing = false;
    this.commit();
  }

  /**
   * Some other writing to the log's file, while no commit is under way: of two syncs at once one may be told of the
   * other's error. Null when the ring closes before.
   */
  between<T>(work: () => Promise<T>): Promise<T | null> {
    return new Promise((resolve, reject) => {
      this.#others.push(() => {
        if (this.#closed) return resolve(null);
        this.#writing = true;
        const done = (): void => {
          this.#writing = false;
          this.#goOn();
        };
        work().then(resolve, reject).finally(done);
      });
      if (!this.#writing) this.#goOn();
    });
  }

  /** Tries again now what failed. */
  retryNow(): void {
    this.#wake?.();
  }

  /** No commit begins after this; one that is stalled is given up. */
  stop(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#wake?.();
    for (const other of this.#others.splice(0)) other();
  }

  /** What is durable and what the stage adds: no other commit is under way. */
  #tallyAfter(stage: Stage): readonly Tallied[] {
    const { tally } = this.#options;
    for (const [index, position] of stage.touched.entries())
      if (!position.removed) tally.touch(position, position.live + (stage.matches[index] ?? 0));
    return tally.entries();
  }

  /** What waits already may be due sooner by its own, longer window. */
  #hasten(window: Duration): void {
    const { clock } = this.#options;
    this.#window = window;
    if (window === 0) this.#due = 'soon';
    if (this.#due === 'soon') return;
    const due = after(clock.now(), window);
    if (this.#due === null || due < this.#due) this.#due = due;
  }

  #schedule(): void {
    const { log, clock } = this.#options;
    if (this.#filling.length >= log.geometry.stageBytes) return this.commit();
    const due = this.#due;
    if (due === null || due === this.#scheduled) return;
    this.#timer?.cancel();
    this.#scheduled = due;
    if (due === 'soon') clock.soon(() => this.#elapsed());
    else this.#timer = clock.at(due, () => this.#elapsed());
  }

  #elapsed(): void {
    this.#scheduled = null;
    if (!this.#filling.isEmpty) this.commit();
  }

  async #write(stage: Stage): Promise<void> {
    let segment: Segment | undefined;
    const done = await this.#untilDone(async () => {
      segment = await this.#options.log.write(stage.bytes, this.#headerOf(stage));
    });
    if (done && segment !== undefined) this.#done(stage, segment);
  }

  /** False when it was given up because the ring closes. */
  async #untilDone(work: () => Promise<void>): Promise<boolean> {
    for (let backoff = firstBackoffMs; ; backoff = Math.min(backoff * 2, longestBackoffMs)) {
      try {
        await work();
        this.#recovered();
        return true;
      } catch (error) {
        if (!isAgentError(error)) throw error;
        this.#stalled(error.code, messageOf(error));
      }
      if (!this.#closed) await this.#pause(backoff);
      if (this.#closed) return false;
    }
  }

  #headerOf(stage: Stage): BatchHeader {
    const { epoch, ringTime } = this.#options;
    return {
      length: stage.length,
      count: stage.count,
      tallied: stage.tallied,
      first: stage.first,
      epoch,
      ringTime: ringTime(),
      sparse: false,
    };
  }

  #done(stage: Stage, segment: Segment): void {
    this.commits++;
    this.#underWay = null;
    this.#options.durable(stage, segment);
    this.#spare = stage;
    this.#writing = false;
    this.#goOn();
  }

  #goOn(): void {
    const other = this.#others.shift();
    if (other !== undefined) other();
    else if (this.#again) this.commit();
    else if (this.#due !== null) this.#schedule();
    else if (!this.#filling.isEmpty) this.staged(null);
  }

  #recovered(): void {
    if (this.why !== null) this.#options.journal.info('ring-disk-recovered', { was: this.why });
    this.why = null;
    this.whyCode = null;
  }

  #stalled(code: string, why: string): void {
    if (this.why === null) this.#options.journal.warn('ring-disk-stalled', { code, why });
    this.why = why;
    this.whyCode = code;
    this.#options.stalled(code);
  }

  #pause(ms: number): Promise<void> {
    const { clock, random } = this.#options;
    return new Promise((resolve) => {
      const wait = milliseconds(ms * (0.5 + random.fraction()));
      const timer = clock.at(after(clock.now(), wait), resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
