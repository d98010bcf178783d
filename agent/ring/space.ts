import type { Log as Journal } from '#kernel';
import type { OpenCursor } from './cursor.ts';
import type { DroppedTopic } from './dropped-topics.ts';
import type { Floors } from './floors.ts';
import { withGap } from './gaps.ts';
import { lanes } from './lanes.ts';
import type { Log } from './log.ts';
import { matchedThrough } from './losses.ts';
import type { Position } from './position.ts';
import type { Segment } from './segment.ts';

export interface SpaceOptions {
  readonly log: Log;
  readonly policy: 'drop-oldest' | 'refuse';
  readonly journal: Journal;
  readonly floors: Floors;
  readonly positions: ReadonlyMap<number, Position>;
  readonly openCursor: (position: Position) => OpenCursor | undefined;
  /** Both checkpoints hold everything up to here. */
  readonly coveredTo: () => number;
  /** And have seen so many replacements of segments. */
  readonly coveredSwaps: () => number;
  readonly dirty: (position: Position) => void;
  /** A checkpoint would make a compaction possible. */
  readonly compactsLater: () => boolean;
  /** The compaction reads it now. */
  readonly inUse: (segment: Segment) => boolean;
  /** What has expired and what nobody wants is to go first: true when that is tried, or was just tried in vain. */
  readonly tidied: () => boolean;
  /** Not even the reserve has a slot left: no time for anything. */
  readonly exhausted: () => boolean;
}

/** What stands between the ring and more room. */
export type Need = 'nothing' | 'commit' | 'checkpoint' | 'tidying' | 'readers';

/** Decides which segments are free. A segment is held by what a cursor has not durably settled in it, and by the checkpoints. */
export class Space {
  readonly #options: SpaceOptions;
  droppedRecords = 0;
  #surveyed: { readonly segment: Segment; readonly topics: ReadonlyMap<Position, readonly DroppedTopic[]> } | null =
    null;

  constructor(options: SpaceOptions) {
    this.#options = options;
  }

  /** Frees what may be freed; says what would free more, if more is wanted. */
  reclaim(): Need {
    const { log } = this.#options;
    this.free();
    if (log.freeSlots > log.geometry.reserveSlots + 1) return 'nothing';
    return this.#need();
  }

  /** The segment that would be dropped next, and who would lose something by it. */
  next(): { readonly segment: Segment; readonly losers: readonly Position[] } | null {
    const { log, inUse } = this.#options;
    for (const losers of this.#leastUrgentFirst()) {
      const held = (segment: Segment): boolean =>
        segment !== log.active && !inUse(segment) && this.#isHeld(segment, false, losers);
      const segment = log.segments.find(held);
      if (segment !== undefined) return { segment, losers: losers.filter(({ settledTo }) => settledTo < segment.last) };
    }
    return null;
  }

  /** What the next segment to be dropped holds, by cursor. */
  survey(segment: Segment, topics: ReadonlyMap<Position, readonly DroppedTopic[]>): void {
    this.#surveyed = { segment, topics };
  }

  free(): void {
    const { log, coveredSwaps } = this.#options;
    log.freeRetired(coveredSwaps());
    for (const segment of [...log.segments]) if (this.#isFree(segment)) log.free(segment);
  }

  /** What frees a slot soonest; drops the oldest records if that is the policy and nothing else helps. */
  #need(): Need {
    const { log, policy } = this.#options;
    const passed = this.#passDropped();
    for (let turn = 0; turn <= log.segments.length; turn++) {
      const waiting = log.segments.filter((segment) => segment !== log.active && !this.#isHeld(segment, false));
      if (waiting.some((segment) => this.#isHeld(segment, true))) return this.#settleAll();
      if (waiting.length > 0 || log.retiredSlots > 0 || this.#options.compactsLater()) return 'checkpoint';
      // What is not wanted any more is to be so durably before the compaction leaves it out.
      if (passed || (turn > 0 && !this.#options.exhausted())) return this.#settleAll();
      if (!this.#options.tidied()) return 'tidying';
      if (policy === 'refuse' || !this.#dropOldest()) return 'readers';
    }
    return 'readers';
  }

  /** Positions that are only in memory are to be written. */
  #settleAll(): Need {
    const { positions, dirty } = this.#options;
    for (const position of positions.values()) if (position.durableTo < position.settledTo) dirty(position);
    return 'commit';
  }

  #isFree(segment: Segment): boolean {
    const { log, coveredTo, inUse } = this.#options;
    if (segment === log.active || segment.last > coveredTo() || inUse(segment)) return false;
    return !this.#isHeld(segment, true);
  }

  /** `durably`: by what a power cut would leave of the cursors. */
  #isHeld(segment: Segment, durably: boolean, by?: readonly Position[]): boolean {
    for (const position of by ?? this.#options.positions.values()) {
      const count = segment.matches.get(position.id) ?? 0;
      if (count > 0 && this.#holds(position, segment, durably)) return true;
      if (position.discoverTo >= segment.first && (durably ? position.durableTo : position.settledTo) < segment.last)
        return true;
    }
    return false;
  }

  #holds(position: Position, segment: Segment, durably: boolean): boolean {
    const settledTo = durably ? position.durableTo : position.settledTo;
    if (settledTo >= segment.last) return false;
    if (settledTo < segment.first) return true;
    const ordinal = durably ? position.durableOrdinal : position.settledOrdinal;
    return matchedThrough(this.#options.log, position, segment) > ordinal;
  }

  /** The cursors by the most urgent lane that they may have to come; all at once when there is no time. */
  #leastUrgentFirst(): readonly (readonly Position[])[] {
    const all = [...this.#options.positions.values()];
    if (this.#options.exhausted()) return [all];
    const laneOf = (position: Position): number => lanes.find((lane) => position.wantsLane(lane)) ?? 0;
    return [2, 1, 0].map((lane) => all.filter((position) => laneOf(position) === lane));
  }

  /** Cursors go past segments of which they have nothing to come but what its lane has given up. */
  #passDropped(): boolean {
    const { log, positions, inUse, floors } = this.#options;
    const highest = Math.max(...lanes.map((lane) => floors.durable(lane)));
    let passed = false;
    for (const segment of log.segments) {
      if (segment.last > highest || segment === log.active || inUse(segment)) continue;
      for (const position of positions.values()) {
        if (position.discoverTo > position.settledTo || !this.#isHeld(segment, false, [position])) continue;
        const wanted = lanes.filter((lane) => position.wantsLane(lane));
        if (!wanted.every((lane) => floors.durable(lane) >= segment.last)) continue;
        this.droppedRecords += this.#drop(position, segment);
        passed = true;
      }
    }
    if (passed) log.changes++;
    return passed;
  }

  /** Moves the least urgent cursors past the oldest segment that they hold; false when there is none but the active one. */
  #dropOldest(): boolean {
    const { journal } = this.#options;
    const next = this.next();
    if (next === null) return false;
    const oldest = next.segment;
    let dropped = 0;
    for (const position of next.losers) dropped += this.#drop(position, oldest);
    this.droppedRecords += dropped;
    this.#options.log.changes++;
    journal.warn('ring-dropped-oldest', {
      segment: oldest.id,
      fromSequence: oldest.first,
      toSequence: oldest.last,
      records: dropped,
    });
    return true;
  }

  #drop(position: Position, segment: Segment): number {
    const { log, dirty, openCursor } = this.#options;
    const count = Math.max(0, matchedThrough(log, position, segment) - position.settledOrdinal);
    const from = position.settledTo + 1;
    const topics = this.#surveyed?.segment === segment ? (this.#surveyed.topics.get(position) ?? []) : [];
    position.settledTo = segment.last;
    if (count > 0) {
      position.dropped.full += count;
      position.gaps = withGap(position.gaps, { from, to: segment.last, count, reason: 'full', topics });
    }
    position.forgetOldFilters();
    openCursor(position)?.dropped(segment.last, count);
    dirty(position);
    return count;
  }
}
