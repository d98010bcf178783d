import type { Floors } from './floors.ts';
import { budgetsOf, lanes, policiesOf } from './lanes.ts';
import type { Log } from './log.ts';
import type { Position } from './position.ts';
import type { RecoveredRing } from './recovered.ts';
import type { Segment } from './segment.ts';
import type { Lane, RingOptions } from './types.ts';

export interface LaneSpaceOptions {
  readonly log: Pick<Log, 'segments'>;
  readonly positions: ReadonlyMap<number, Position>;
  /** By lane; Infinity: no budget. */
  readonly budgets: readonly number[];
  readonly policies: readonly ('drop-oldest' | 'refuse')[];
  readonly floors: Floors;
  /** Bytes of the lane on their way to the disk. */
  readonly stagedOf: (lane: Lane) => number;
}

/** So much more than is needed is given up at once: not every append is to raise the floor. */
const slack = 16;

/**
 * What each lane's records take of the ring: those that some cursor has still to come, and those on their way to the disk.
 * Counted by segment; in the one where the slowest cursor of the lane stands, by the share of its sequences behind that.
 */
export class LaneSpace {
  readonly #options: LaneSpaceOptions;
  readonly #budgeted: readonly Lane[];
  readonly #held = [0, 0, 0];
  readonly #dropped = [0, 0, 0];
  /** Something has changed since what is held was counted, so that it may be less. */
  #stale = true;
  /** The smallest append that each lane refused since room was last told of. */
  readonly #refused = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];

  constructor(options: LaneSpaceOptions) {
    this.#options = options;
    this.#budgeted = lanes.filter((lane) => Number.isFinite(this.budgetOf(lane)));
  }

  get hasBudgets(): boolean {
    return this.#budgeted.length > 0;
  }

  budgetOf(lane: Lane): number {
    return this.#options.budgets[lane] ?? Number.POSITIVE_INFINITY;
  }

  policyOf(lane: Lane): 'drop-oldest' | 'refuse' {
    return this.#options.policies[lane] ?? 'refuse';
  }

  /** Cursors have moved on. */
  moved(): void {
    this.#stale = true;
  }

  madeDurable(bytes: readonly number[], { laneBytes }: Segment): void {
    for (const lane of lanes) {
      laneBytes[lane] = (laneBytes[lane] ?? 0) + (bytes[lane] ?? 0);
      this.#held[lane] = (this.#held[lane] ?? 0) + (bytes[lane] ?? 0);
    }
    this.#stale = true;
  }

  /** Whether so many bytes of each lane could ever be taken at once. */
  neverTakes(bytes: readonly number[]): boolean {
    return this.#budgeted.some((lane) => (bytes[lane] ?? 0) > this.budgetOf(lane));
  }

  /**
   * Whether each lane has room for so many bytes more, or makes it by giving up its oldest; what is refused is remembered until
   * room is told of.
   */
  takes(bytes: readonly number[]): boolean {
    let taken = true;
    for (const lane of this.#budgeted) {
      const more = bytes[lane] ?? 0;
      if (more === 0 || this.policyOf(lane) !== 'refuse' || this.#hasRoom(lane, more)) continue;
      taken = false;
      this.#refused[lane] = Math.min(this.#refused[lane] ?? 0, more);
    }
    if (taken) this.#giveUpOldest(bytes);
    return taken;
  }

  /** Whether a lane that refused something may take that now. Who was refused is told, and tries again. */
  get takesAgain(): boolean {
    return this.#budgeted.some((lane) => this.isFull(lane) && this.#hasRoom(lane, this.#refused[lane] ?? 0));
  }

  toldOfRoom(): void {
    this.#refused.fill(Number.POSITIVE_INFINITY);
  }

  /** It refused something, and nobody has been told of room since. */
  isFull(lane: Lane): boolean {
    return Number.isFinite(this.#refused[lane]);
  }

  usedBy(lane: Lane): number {
    if (this.#stale) this.#count();
    return (this.#held[lane] ?? 0) + this.#options.stagedOf(lane);
  }

  /** About so many bytes of the lane were given up since the start. */
  droppedBy(lane: Lane): number {
    return this.#dropped[lane] ?? 0;
  }

  #giveUpOldest(bytes: readonly number[]): void {
    for (const lane of this.#budgeted) {
      const more = bytes[lane] ?? 0;
      if (more === 0 || this.policyOf(lane) === 'refuse' || this.#hasRoom(lane, more)) continue;
      const before = this.#held[lane] ?? 0;
      const budget = this.budgetOf(lane);
      this.#keep(lane, Math.max(0, budget - Math.max(more, budget / slack) - this.#options.stagedOf(lane)));
      this.#count();
      this.#dropped[lane] = this.droppedBy(lane) + before - (this.#held[lane] ?? 0);
    }
  }

  /** Raises the lane's floor to where no more than so many bytes of it stand behind. */
  #keep(lane: Lane, most: number): void {
    const { log, floors } = this.#options;
    let kept = 0;
    for (let index = log.segments.length - 1; index >= 0; index--) {
      const { first = 1, last = 0, laneBytes } = log.segments[index] ?? {};
      const bytes = laneBytes?.[lane] ?? 0;
      if (kept + bytes > most)
        return floors.raise(lane, last - Math.floor(((last - first + 1) * (most - kept)) / bytes));
      kept += bytes;
    }
  }

  #hasRoom(lane: Lane, more: number): boolean {
    const left = this.budgetOf(lane) - more;
    if ((this.#held[lane] ?? 0) + this.#options.stagedOf(lane) <= left) return true;
    return this.#stale && this.usedBy(lane) <= left;
  }

  #count(): void {
    for (const lane of lanes) this.#held[lane] = this.#heldBy(lane);
    this.#stale = false;
  }

  #heldBy(lane: Lane): number {
    const { log, positions, floors } = this.#options;
    let from = Number.POSITIVE_INFINITY;
    for (const position of positions.values()) if (position.wantsLane(lane)) from = Math.min(from, position.settledTo);
    from = Math.max(from, floors.wanted(lane));
    let bytes = 0;
    for (let index = log.segments.length - 1; index >= 0; index--) {
      const segment = log.segments[index];
      if (segment === undefined || segment.last <= from) break;
      const { first, last, laneBytes } = segment;
      bytes += (laneBytes[lane] ?? 0) * (from < first ? 1 : (last - from) / (last - first + 1));
    }
    return Math.ceil(bytes);
  }
}

export const laneSpaceOf = (
  options: RingOptions,
  { log, positions, floors }: RecoveredRing,
  stagedOf: (lane: Lane) => number,
): LaneSpace =>
  new LaneSpace({ log, positions, budgets: budgetsOf(options), policies: policiesOf(options), floors, stagedOf });
