import type { Clock, PublicKey, Sequence, Timer } from '#kernel';
import { AgentError, after, assert, milliseconds } from '#kernel';
import type { Appender } from './appender.ts';
import type { Committer } from './committer.ts';
import { type CursorHost, OpenCursor } from './cursor.ts';
import type { DamageAccount } from './damage.ts';
import type { Floors } from './floors.ts';
import type { Log } from './log.ts';
import type { Origins } from './origins.ts';
import { type Interests, Position } from './position.ts';
import { encodeDefinition, encodeSettlement, settlementOf } from './position-codec.ts';
import { type RecordKind, recordKind, type StoredProvenance } from './record.ts';
import type { Segment } from './segment.ts';
import type { Stage } from './stage.ts';
import type { Tally } from './tally.ts';
import type { Cursor, CursorOptions, Provenance, Ring } from './types.ts';

/** How long a settle may wait for a commit of others. */
const settleDelayMs = 1_000;
const nothing = new Uint8Array(0);

export interface CursorTableOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly committer: Committer;
  readonly appender: Appender;
  readonly interests: Interests;
  readonly origins: Origins;
  readonly damage: DamageAccount;
  readonly positions: Map<number, Position>;
  readonly tally: Tally;
  readonly floors: Floors;
  readonly durable: () => number;
  readonly whole: () => boolean;
  readonly ringTime: () => number;
  /** Somebody waits for room: settles are written at once. */
  readonly hurry: () => boolean;
  /** A settled position has changed. */
  readonly moved: () => void;
  /** A cursor was made, changed or removed. */
  readonly changed: () => void;
  /** A cursor was opened whose records may expire. */
  readonly keepingOpened: () => void;
  nextCursorId: number;
}

/** All cursors of the ring, opened or not: made, changed, settled and removed by records of the log. */
export class CursorTable implements CursorHost {
  readonly log: Log;
  readonly #options: CursorTableOptions;
  readonly #byName = new Map<string, Position>();
  readonly #open = new Map<Position, OpenCursor>();
  readonly #dirty = new Set<Position>();
  #settleTimer: Timer | null = null;

  constructor(options: CursorTableOptions) {
    this.log = options.log;
    this.#options = options;
    for (const position of options.positions.values()) {
      this.#byName.set(position.name, position);
      options.interests.add(position);
    }
  }

  get durable(): number {
    return this.#options.durable();
  }

  get floors(): Floors {
    return this.#options.floors;
  }

  get whole(): boolean {
    return this.#options.whole();
  }

  get ringTime(): number {
    return this.#options.ringTime();
  }

  get nextCursorId(): number {
    return this.#options.nextCursorId;
  }

  open(options: CursorOptions): Cursor {
    const known = this.#byName.get(options.name);
    const position = known ?? this.#make(options);
    assert(!this.#open.has(position), `cursor ${options.name} is open already`);
    if (known !== undefined && !sameFilters(known.filters, options.filters)) this.redefine(known, options.filters);
    const cursor = new OpenCursor(this, position, options.keeping);
    this.#open.set(position, cursor);
    if (cursor.keeps) this.#options.keepingOpened();
    return cursor;
  }

  /** The opened cursors whose owners say that records grow too old. */
  *keeping(): Generator<OpenCursor> {
    for (const cursor of this.#open.values()) if (cursor.keeps) yield cursor;
  }

  opened(position: Position): OpenCursor | undefined {
    return this.#open.get(position);
  }

  list(): ReturnType<Ring['cursors']> {
    return [...this.#byName.values()].map((position) => ({
      name: position.name,
      open: this.#open.has(position),
      position: position.settledTo as Sequence,
      account: position.account,
    }));
  }

  /** The read position of the slowest opened cursor that has something to read; null when none has. */
  slowestReader(): number | null {
    let slowest: number | null = null;
    for (const cursor of this.#open.values()) {
      if (cursor.readable && (slowest === null || cursor.readTo < slowest)) slowest = cursor.readTo;
    }
    return slowest;
  }

  /** Settled positions ride along with whatever is committed. */
  stageSettles(stage: Stage): void {
    for (const position of this.#dirty) {
      const body = encodeSettlement(settlementOf(position));
      if (this.#options.appender.control(recordKind.settle, nothing, body) === null) break;
      stage.settles.push({ position, settledTo: position.settledTo, ordinal: position.settledOrdinal });
      this.#dirty.delete(position);
    }
  }

  flushSettles(): void {
    this.#settleTimer?.cancel();
    this.#settleTimer = null;
    if (this.#dirty.size > 0) this.#options.committer.commit();
  }

  stop(): void {
    this.#settleTimer?.cancel();
  }

  // What a cursor asks for.

  damage(segment: Segment, offset: number, from: number, to: number): void {
    this.#options.damage.found(segment, offset, from, to);
  }

  full(stored: StoredProvenance): Provenance | null {
    return this.#options.origins.full(stored);
  }

  names(stored: StoredProvenance, key: PublicKey): boolean {
    return this.#options.origins.names(stored, key);
  }

  dirty(position: Position): void {
    const { clock, hurry, moved } = this.#options;
    moved();
    position.revision++;
    this.#dirty.add(position);
    if (hurry()) clock.soon(() => this.flushSettles());
    else this.#settleTimer ??= clock.at(after(clock.now(), milliseconds(settleDelayMs)), () => this.flushSettles());
  }

  redefine(position: Position, filters: readonly string[]): Sequence {
    const sequence = this.#define(position, filters, position.settledTo);
    this.#options.interests.remove(position);
    position.setFilters(sequence, filters);
    this.#options.interests.add(position);
    return sequence;
  }

  remove(position: Position): Sequence {
    const body = Buffer.alloc(4);
    body.writeUInt32LE(position.id);
    const sequence = this.#control(recordKind.remove, Buffer.from(position.name), body);
    position.removed = true;
    this.#options.interests.remove(position);
    this.#byName.delete(position.name);
    this.#open.delete(position);
    this.#dirty.delete(position);
    this.#options.positions.delete(position.id);
    this.#options.tally.forget(position);
    this.#options.moved();
    return sequence;
  }

  #make(options: CursorOptions): Position {
    const { committer, interests, positions } = this.#options;
    const head = committer.stage.last;
    const fromOldest = options.from === 'oldest';
    const old = fromOldest ? (this.log.segments[0]?.first ?? 1) - 1 : head;
    const discoverTo = fromOldest && old < head ? head : 0;
    const position = new Position(this.#options.nextCursorId++, options.name, options.except, discoverTo, old);
    const sequence = this.#define(position, options.filters, old);
    position.definedAt = sequence;
    position.setFilters(fromOldest ? 0 : sequence, options.filters);
    this.#byName.set(position.name, position);
    positions.set(position.id, position);
    interests.add(position);
    this.#options.tally.touch(position, 0);
    return position;
  }

  #define(position: Position, filters: readonly string[], start: number): Sequence {
    const { id, except, discoverTo } = position;
    const body = encodeDefinition({ id, except, discoverTo, start, filters });
    return this.#control(recordKind.cursor, Buffer.from(position.name), body);
  }

  #control(kind: RecordKind, name: Uint8Array, body: Uint8Array): Sequence {
    const { appender, committer } = this.#options;
    const sequence = appender.control(kind, name, body);
    if (sequence === null)
      throw new AgentError('ring/stalled', 'retry', 'ring: no room to stage more until the disk takes it');
    committer.staged(null);
    this.#options.changed();
    return sequence as Sequence;
  }
}

function sameFilters(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((filter) => b.includes(filter));
}
