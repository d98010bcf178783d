import type { PublicKey } from '#kernel';
import { TopicIndex, topicMatches } from '#kernel';
import { type PendingGap, withGap } from './gaps.ts';
import type { CursorAccount, DropReason, Lane } from './types.ts';

/** Filters that hold for records after `since`. */
export interface FilterPeriod {
  readonly since: number;
  readonly filters: readonly string[];
}

/**
 * A cursor's state: what it wants, how far it has come, and its account. Counts are of message records:
 *
 *   matched = live + discovered;   settledOrdinal = settled + dropped;   pending = matched - settledOrdinal
 *
 * `live` counts at append, exactly. `discovered` counts records that were in the ring before the cursor was made (a new
 * cursor from the oldest on), as they are read.
 */
export class Position {
  readonly id: number;
  readonly name: string;
  readonly except: PublicKey | null;
  /** Records up to here were there before the cursor: 0 for one that begins now. */
  readonly discoverTo: number;
  history: FilterPeriod[];
  /** The sequence of the record that made it; 0 when that is in a checkpoint. */
  definedAt = 0;
  /** Everything up to here is settled. */
  settledTo: number;
  /** Counts every change of the settled state: a replayed record older than what is known is ignored. */
  revision = 0;
  settled = 0;
  dropped: Record<DropReason, number> = { full: 0, damaged: 0, expired: 0, refused: 0, superseded: 0 };
  live = 0;
  /** The newest record of each lane that it matched. */
  readonly newestOf = [0, 0, 0];
  discovered = 0;
  value: Uint8Array | null = null;
  /** What was dropped at the settled place and its owner has not been told of, or not settled: in order. */
  gaps: readonly PendingGap[] = [];
  /** As far as a power cut would leave it. */
  durableTo = 0;
  durableOrdinal = 0;
  open = false;
  removed = false;
  /** Matches in the batch that is being staged, and which batch that is. */
  stagedMatches = 0;
  stagedIn: object | null = null;
  #topics = new Map<string, boolean>();

  constructor(id: number, name: string, except: PublicKey | null, discoverTo: number, settledTo: number) {
    this.id = id;
    this.name = name;
    this.except = except;
    this.discoverTo = discoverTo;
    this.settledTo = settledTo;
    this.durableTo = settledTo;
    this.history = [];
  }

  get settledOrdinal(): number {
    const { full, damaged, expired, refused, superseded } = this.dropped;
    return this.settled + full + damaged + expired + refused + superseded;
  }

  /** Whether records of the lane may be still to come. */
  wantsLane(lane: Lane): boolean {
    return this.settledTo < Math.max(this.newestOf[lane] ?? 0, this.discoverTo);
  }

  get matched(): number {
    return this.live + this.discovered;
  }

  get account(): CursorAccount {
    const { matched } = this;
    const pending = matched - this.settledOrdinal;
    return { matched, settled: this.settled, dropped: { ...this.dropped }, pending };
  }

  /** The filters from the next record on. */
  get filters(): readonly string[] {
    return this.history.at(-1)?.filters ?? [];
  }

  /** The record at `sequence` was read; so many are read and not settled, it included. */
  found(sequence: number, unsettled: number): void {
    const ordinal = this.settledOrdinal + unsettled;
    if (sequence <= this.discoverTo && ordinal > this.discovered) this.discovered = ordinal;
  }

  /** The matching records right behind the settled place, at these sequences, are dropped; nothing of them is handed out. */
  drop(gap: PendingGap, sequences: readonly number[]): void {
    this.settledTo = gap.to;
    for (const sequence of sequences) {
      this.dropped[gap.reason]++;
      this.found(sequence, 0);
    }
    this.gaps = withGap(this.gaps, gap);
    this.forgetOldFilters();
  }

  /** A power cut would leave at least this. */
  madeDurable(settledTo: number, ordinal: number): void {
    this.durableTo = Math.max(this.durableTo, settledTo);
    this.durableOrdinal = Math.max(this.durableOrdinal, ordinal);
  }

  setFilters(since: number, filters: readonly string[]): void {
    this.history.push({ since, filters });
    this.#topics.clear();
  }

  /** Whether the record at `sequence` matches, by the filters that held when it was appended. */
  wants(topic: string, sequence: number): boolean {
    const newest = this.history.at(-1);
    if (newest !== undefined && sequence > newest.since) return this.#wantsNow(topic, newest);
    return this.#periodOf(sequence)?.filters.some((filter) => topicMatches(filter, topic)) ?? false;
  }

  /** Periods that ended before the settled position are forgotten, and the history stays short. */
  forgetOldFilters(): void {
    while ((this.history[1]?.since ?? Number.POSITIVE_INFINITY) <= this.settledTo) this.history.shift();
  }

  #periodOf(sequence: number): FilterPeriod | undefined {
    for (let index = this.history.length - 1; index >= 0; index--) {
      const period = this.history[index];
      if (period !== undefined && period.since < sequence) return period;
    }
    return undefined;
  }

  #wantsNow(topic: string, newest: FilterPeriod): boolean {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    if (this.#topics.size >= topicCacheLimit) this.#topics.clear();
    const wanted = newest.filters.some((filter) => topicMatches(filter, topic));
    this.#topics.set(topic, wanted);
    return wanted;
  }
}

const topicCacheLimit = 4096;

/** A topic as the ring needs it for each record: its bytes, and who wants it. */
export interface KnownTopic {
  readonly bytes: Uint8Array;
  readonly positions: readonly Position[];
}

/** Which cursors want a topic, by the filters that hold now. */
export class Interests {
  readonly #index = new TopicIndex<Position>();
  readonly #cache = new Map<string, KnownTopic>();
  /** The topic asked for last is likely to be asked for again. */
  #lastTopic = '';
  #last: KnownTopic | null = null;

  add(position: Position): void {
    for (const filter of position.filters) this.#index.add(filter, position);
    this.#forget();
  }

  remove(position: Position): void {
    for (const filter of position.filters) this.#index.remove(filter, position);
    this.#forget();
  }

  topic(topic: string): KnownTopic {
    if (this.#last !== null && topic === this.#lastTopic) return this.#last;
    const found = this.#cache.get(topic) ?? this.#lookUp(topic);
    this.#lastTopic = topic;
    this.#last = found;
    return found;
  }

  #lookUp(topic: string): KnownTopic {
    if (this.#cache.size >= topicCacheLimit) this.#cache.clear();
    const found = { bytes: Buffer.from(topic), positions: [...this.#index.match(topic)] };
    this.#cache.set(topic, found);
    return found;
  }

  #forget(): void {
    this.#cache.clear();
    this.#last = null;
  }
}
