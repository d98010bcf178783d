import type { Clock, Duration, Env, Epoch, PublicKey, Sequence, Timer } from '#kernel';
import { AgentError, after, assert, milliseconds } from '#kernel';
import { Appender } from './appender.ts';
import type { Snapshot } from './checkpoint.ts';
import type { Checkpointer } from './checkpointer.ts';
import { Committer } from './committer.ts';
import { type CursorHost, OpenCursor } from './cursor.ts';
import type { DamageAccount } from './damage.ts';
import { batchHeaderBytes, recordHeaderBytes } from './layout.ts';
import type { Log } from './log.ts';
import type { Origins } from './origins.ts';
import { Interests, Position } from './position.ts';
import { encodeDefinition, encodePosition, encodeSettlement, settlementOf } from './position-codec.ts';
import type { RecordKind, StoredProvenance } from './record.ts';
import { recordKind } from './record.ts';
import type { LastBatch } from './recovery.ts';
import type { Segment } from './segment.ts';
import { Space } from './space.ts';
import type { Stage } from './stage.ts';
import { retainedRecord, type State } from './state.ts';
import type {
  Appended,
  Cursor,
  CursorOptions,
  Entry,
  MessageRecord,
  Provenance,
  Ring,
  RingOptions,
  RingStatus,
} from './types.ts';

/** How long a settle may wait for a commit of others. */
const settleDelayMs = 1_000;
const checkpointRetryMs = 2_000;
const nothing = new Uint8Array(0);

/** What recovery hands over. */
export interface RecoveredRing {
  readonly log: Log;
  readonly state: State;
  readonly origins: Origins;
  readonly positions: Map<number, Position>;
  readonly checkpointer: Checkpointer;
  readonly damage: DamageAccount;
  readonly epoch: Epoch;
  readonly boot: number;
  readonly last: number;
  readonly nextCursorId: number;
  readonly ringTimeBase: number;
}

/** The ring, put together: what is appended goes to the committer, what has become durable to cursors and listeners. */
export class DiskRing implements Ring, CursorHost {
  readonly id: string;
  readonly epoch: Epoch;
  readonly log: Log;
  readonly #clock: Clock;
  readonly #parts: RecoveredRing;
  readonly #interests = new Interests();
  readonly #byName = new Map<string, Position>();
  readonly #openCursors = new Map<Position, OpenCursor>();
  readonly #committer: Committer;
  readonly #appender: Appender;
  readonly #space: Space;
  readonly #dirty = new Set<Position>();
  readonly #durableListeners = new Set<(durable: Sequence) => void>();
  readonly #roomListeners = new Set<() => void>();
  readonly #waiters: { readonly upTo: number; readonly resolve: () => void }[] = [];
  readonly #startedAt: number;
  #durable: number;
  #nextCursorId: number;
  #refused = false;
  #settleTimer: Timer | null = null;
  #checkpointTimer: Timer | null = null;
  #checkpointWanted = false;
  #loggedSinceCheckpoint = 0;
  #closed = false;
  #payloadBytes = 0;
  readonly #onceTried: (() => void)[] = [];

  constructor(env: Env, options: RingOptions, parts: RecoveredRing) {
    this.#clock = env.clock;
    this.#parts = parts;
    this.log = parts.log;
    this.id = Buffer.from(parts.log.ringId).toString('hex');
    this.epoch = parts.epoch;
    this.#startedAt = env.clock.now();
    this.#durable = parts.last;
    this.#nextCursorId = parts.nextCursorId;
    for (const position of parts.positions.values()) {
      this.#byName.set(position.name, position);
      this.#interests.add(position);
    }
    const ringTime = (): number => this.ringTime;
    this.#committer = new Committer(
      {
        log: this.log,
        clock: env.clock,
        random: env.random,
        journal: env.log,
        epoch: parts.epoch,
        window: options.commitWindow,
        allocate: (bytes) => env.disk.allocate(bytes),
        ringTime,
        beforeSeal: (stage) => this.#beforeSeal(stage),
        durable: (stage, segment) => this.#madeDurable(stage, segment),
        stalled: (code) => this.#stalled(code),
      },
      parts.last + 1,
    );
    const { state, origins } = parts;
    this.#appender = new Appender({
      committer: this.#committer,
      log: this.log,
      state,
      origins,
      interests: this.#interests,
      epoch: parts.epoch,
      ringTime,
    });
    this.#space = new Space({
      log: this.log,
      policy: options.full,
      journal: env.log,
      positions: parts.positions,
      openCursor: (position) => this.#openCursors.get(position),
      coveredTo: () => parts.checkpointer.coveredTo,
      dirty: (position) => this.dirty(position),
    });
  }

  /**
   * Makes this boot's epoch durable, in an empty batch. The last batch found is written again before: its process may
   * have died before its sync, or its sync may have failed. Resolves when that is done, or refused by the disk.
   */
  async begin(lastBatch: LastBatch | null): Promise<void> {
    this.log.zeroAhead();
    if (lastBatch !== null) this.#durable = lastBatch.before;
    const begun = this.#nextCommit();
    void this.#committer.prepare(async () => {
      if (lastBatch !== null) await this.log.rewrite(lastBatch.segment, lastBatch.offset, lastBatch.bytes);
      this.#durable = this.#parts.last;
    });
    await begun;
  }

  get durable(): Sequence {
    return this.#durable as Sequence;
  }

  /** Powered milliseconds since the ring was made, as far as it knows. */
  get ringTime(): number {
    return Math.floor(this.#parts.ringTimeBase + this.#clock.now() - this.#startedAt);
  }

  append(entries: readonly Entry[]): Appended {
    if (this.#closed) return { ok: false, reason: 'stalled' };
    const appended = this.#appender.append(entries);
    if (!appended.ok && appended.reason !== 'too-large') {
      this.#refused = true;
      if (appended.reason === 'full') this.#clock.soon(() => this.#makeRoom());
    }
    return appended;
  }

  onDurable(listener: (durable: Sequence) => void): () => void {
    this.#durableListeners.add(listener);
    return () => this.#durableListeners.delete(listener);
  }

  whenDurable(upTo: Sequence): Promise<void> {
    if (upTo <= this.#durable) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ upTo, resolve }));
  }

  onRoom(listener: () => void): () => void {
    this.#roomListeners.add(listener);
    return () => this.#roomListeners.delete(listener);
  }

  wanted(topic: string, from: PublicKey | null): boolean {
    return this.#interests.topic(topic).positions.some((position) => from === null || position.except !== from);
  }

  cursor(options: CursorOptions): Cursor {
    const known = this.#byName.get(options.name);
    const position = known ?? this.#makePosition(options);
    assert(!this.#openCursors.has(position), `cursor ${options.name} is open already`);
    if (known !== undefined && !sameFilters(known.filters, options.filters)) this.redefine(known, options.filters);
    const cursor = new OpenCursor(this, position);
    this.#openCursors.set(position, cursor);
    return cursor;
  }

  cursors(): ReturnType<Ring['cursors']> {
    return [...this.#byName.values()].map((position) => ({
      name: position.name,
      open: this.#openCursors.has(position),
      position: position.settledTo as Sequence,
      account: position.account,
    }));
  }

  state(key: string): Uint8Array | undefined {
    return this.#parts.state.get(key);
  }

  states(prefix: string): Iterable<readonly [key: string, value: Uint8Array]> {
    return this.#parts.state.under(prefix);
  }

  latest(topic: string): MessageRecord | undefined {
    const found = this.#parts.state.retained(topic);
    return found === undefined ? undefined : retainedRecord(found, this.ringTime);
  }

  *latestMatching(filter: string): Iterable<MessageRecord> {
    for (const found of this.#parts.state.retainedMatching(filter)) yield retainedRecord(found, this.ringTime);
  }

  get status(): RingStatus {
    const { damage, checkpointer } = this.#parts;
    const oldest = this.log.segments.find((segment) => segment.last >= segment.first);
    const room = this.log.admits(batchHeaderBytes + recordHeaderBytes);
    const stalled = this.#committer.why !== null && this.#committer.whyCode !== 'ring/full';
    return {
      state: stalled ? 'stalled' : room ? 'ok' : 'full',
      why: stalled ? this.#committer.why : null,
      sizeBytes: this.log.geometry.slots * this.log.geometry.segmentBytes,
      usedBytes: this.log.usedBytes,
      oldest: (oldest?.first ?? this.#durable + 1) as Sequence,
      head: this.#committer.stage.last as Sequence,
      durable: this.durable,
      epoch: this.epoch,
      damagedBatches: damage.batches,
      damagedRecords: damage.records,
      commits: this.#committer.commits,
      bytesWritten: this.log.bytesWritten + checkpointer.bytesWritten,
      payloadBytes: this.#payloadBytes,
      oldestAge: (oldest === undefined ? 0 : Math.max(0, this.ringTime - oldest.born)) as Duration,
      stateBytes: this.#parts.state.bytes,
      stateLimitBytes: this.#parts.state.limitBytes,
      droppedRecords: this.#space.droppedRecords,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#settleTimer?.cancel();
    this.#checkpointTimer?.cancel();
    await this.#lastCommit();
    this.#committer.stop();
    await this.#parts.checkpointer.settled();
    await this.log.close();
  }

  // What the cursors ask for.

  damage(segment: Segment, offset: number, from: number, to: number): void {
    this.#parts.damage.found(segment, offset, from, to);
  }

  full(stored: StoredProvenance): Provenance | null {
    return this.#parts.origins.full(stored);
  }

  names(stored: StoredProvenance, key: PublicKey): boolean {
    return this.#parts.origins.names(stored, key);
  }

  dirty(position: Position): void {
    position.revision++;
    this.#dirty.add(position);
    if (this.#refused) {
      // Somebody waits for room: no time to lose.
      this.#clock.soon(() => this.#flushSettles());
    } else
      this.#settleTimer ??= this.#clock.at(after(this.#clock.now(), milliseconds(settleDelayMs)), () =>
        this.#flushSettles(),
      );
  }

  redefine(position: Position, filters: readonly string[]): Sequence {
    const sequence = this.#define(position, filters, position.settledTo);
    this.#interests.remove(position);
    position.setFilters(sequence, filters);
    this.#interests.add(position);
    return sequence;
  }

  remove(position: Position): Sequence {
    const body = Buffer.alloc(4);
    body.writeUInt32LE(position.id);
    const sequence = this.#control(recordKind.remove, Buffer.from(position.name), body);
    position.removed = true;
    this.#interests.remove(position);
    this.#byName.delete(position.name);
    this.#openCursors.delete(position);
    this.#dirty.delete(position);
    this.#parts.positions.delete(position.id);
    return sequence;
  }

  #makePosition(options: CursorOptions): Position {
    const head = this.#committer.stage.last;
    const old = options.from === 'oldest' ? (this.log.segments[0]?.first ?? 1) - 1 : head;
    const empty = this.#durable === head && this.log.segments.every((segment) => segment.last < segment.first);
    const discoverTo = options.from === 'oldest' && !empty ? head : 0;
    const position = new Position(this.#nextCursorId++, options.name, options.except, discoverTo, old);
    const sequence = this.#define(position, options.filters, old);
    position.definedAt = sequence;
    position.setFilters(options.from === 'oldest' ? 0 : sequence, options.filters);
    this.#byName.set(position.name, position);
    this.#parts.positions.set(position.id, position);
    this.#interests.add(position);
    return position;
  }

  #define(position: Position, filters: readonly string[], start: number): Sequence {
    const { id, except, discoverTo } = position;
    const body = encodeDefinition({ id, except, discoverTo, start, filters });
    return this.#control(recordKind.cursor, Buffer.from(position.name), body);
  }

  #control(kind: RecordKind, name: Uint8Array, body: Uint8Array): Sequence {
    const sequence = this.#appender.control(kind, name, body);
    if (sequence === null)
      throw new AgentError('ring/stalled', 'retry', 'ring: the disk takes nothing, no room to stage more');
    this.#committer.staged();
    return sequence as Sequence;
  }

  /** Settled positions ride along with whatever is committed. */
  #beforeSeal(stage: Stage): void {
    for (const position of this.#dirty) {
      const body = encodeSettlement(settlementOf(position));
      if (this.#appender.control(recordKind.settle, nothing, body) === null) break;
      stage.settles.push({ position, settledTo: position.settledTo, ordinal: position.settledOrdinal });
      this.#dirty.delete(position);
    }
    if (this.#checkpointDue()) {
      const { state, origins } = this.#parts;
      stage.state = {
        ...state.snapshot(),
        origins: [...origins.all()].map((origin) => ({ ...origin })),
        nextCursorId: this.#nextCursorId,
      };
    }
  }

  #flushSettles(): void {
    this.#settleTimer?.cancel();
    this.#settleTimer = null;
    if (this.#dirty.size > 0) this.#committer.commit();
  }

  #checkpointDue(): boolean {
    const { checkpointer } = this.#parts;
    if (checkpointer.busy || this.#checkpointTimer !== null) return false;
    const due = Math.max(this.log.geometry.checkpointBytes, 2 * checkpointer.lastBytes);
    return this.#checkpointWanted || this.#loggedSinceCheckpoint >= due;
  }

  #madeDurable(stage: Stage, segment: Segment): void {
    for (const [index, position] of stage.touched.entries()) {
      const count = stage.matches[index] ?? 0;
      position.live += count;
      if (!position.removed) segment.matches.set(position.id, (segment.matches.get(position.id) ?? 0) + count);
    }
    for (const { position, settledTo, ordinal } of stage.settles) {
      position.durableTo = Math.max(position.durableTo, settledTo);
      position.durableOrdinal = Math.max(position.durableOrdinal, ordinal);
    }
    this.#durable = Math.max(this.#durable, stage.last);
    this.#loggedSinceCheckpoint += stage.length;
    this.#payloadBytes += stage.payloadBytes;
    this.#rememberTail(stage);
    if (stage.state !== null) void this.#checkpoint(stage, segment);
    if (this.log.freeSlots <= this.log.geometry.reserveSlots + 1) this.#makeRoom();
    this.#tellDurable();
  }

  #rememberTail(stage: Stage): void {
    let slowest = this.#durable;
    let wanted = false;
    for (const cursor of this.#openCursors.values()) {
      if (!cursor.readable) continue;
      wanted = true;
      slowest = Math.min(slowest, cursor.readTo);
    }
    this.log.tail.forget(wanted ? slowest : this.#durable);
    if (!wanted || stage.count === 0) return;
    const bytes = Buffer.from(stage.bytes.subarray(0, stage.length));
    const { first, last } = stage;
    this.log.remember({ bytes, from: batchHeaderBytes, end: stage.length, first, last, epoch: this.epoch });
  }

  #tellDurable(): void {
    for (let index = this.#waiters.length - 1; index >= 0; index--) {
      const waiter = this.#waiters[index];
      if (waiter === undefined || waiter.upTo > this.#durable) continue;
      this.#waiters.splice(index, 1);
      waiter.resolve();
    }
    for (const listener of [...this.#durableListeners]) listener(this.durable);
    for (const tell of this.#onceTried.splice(0)) tell();
    this.#tellRoom();
  }

  async #checkpoint(stage: Stage, segment: Segment): Promise<void> {
    const { checkpointer, boot, positions } = this.#parts;
    if (stage.state === null) return;
    const covered = [...positions.values()];
    const snapshot: Snapshot = {
      ...stage.state,
      ringId: this.log.ringId,
      segmentBytes: this.log.geometry.segmentBytes,
      boot,
      epoch: this.epoch,
      ringTime: this.ringTime,
      position: stage.last,
      segment: segment.id,
      offset: segment.end,
      segments: this.log.segments.map((each) => ({ ...each, matches: new Map(each.matches) })),
      positions: covered.filter((each) => definedBy(each, stage.last)).map((each) => encodePosition(each, stage.last)),
    };
    const settles = covered.map((position) => ({
      position,
      settledTo: position.settledTo,
      ordinal: position.settledOrdinal,
    }));
    this.#checkpointWanted = false;
    this.#loggedSinceCheckpoint = 0;
    if (await checkpointer.write(snapshot)) this.#checkpointed(settles);
    else this.#retryCheckpoint();
  }

  #checkpointed(settles: readonly { position: Position; settledTo: number; ordinal: number }[]): void {
    for (const { position, settledTo, ordinal } of settles) {
      position.durableTo = Math.max(position.durableTo, settledTo);
      position.durableOrdinal = Math.max(position.durableOrdinal, ordinal);
    }
    if (this.#closed) return;
    if (this.log.freeSlots <= this.log.geometry.reserveSlots + 1) this.#makeRoom();
    else this.#space.reclaim();
    this.#tellRoom();
  }

  #retryCheckpoint(): void {
    this.#checkpointTimer = this.#clock.at(after(this.#clock.now(), milliseconds(checkpointRetryMs)), () => {
      this.#checkpointTimer = null;
      this.#makeRoom();
    });
  }

  /** Frees what may be freed, and sets going what would free more. */
  #makeRoom(): void {
    if (this.#closed) return;
    const need = this.#space.reclaim();
    if (need === 'checkpoint') this.#checkpointWanted = true;
    if (need === 'commit' || (need === 'checkpoint' && this.#checkpointDue()))
      this.#clock.soon(() => this.#committer.commit());
    if (this.#committer.whyCode === 'ring/full' && this.log.freeSlots > 0) this.#committer.retryNow();
    this.#tellRoom();
  }

  #tellRoom(): void {
    if (!this.#refused || this.#committer.why !== null) return;
    const { stage } = this.#committer;
    if (!this.log.admits(stage.length + recordHeaderBytes) || stage.length >= this.log.geometry.stageBytes) return;
    this.#refused = false;
    for (const listener of [...this.#roomListeners]) listener();
  }

  /** Everything staged and a checkpoint, unless the disk refuses. */
  async #lastCommit(): Promise<void> {
    await this.#parts.checkpointer.settled();
    this.#checkpointWanted = true;
    if (this.#committer.writing) await this.#nextCommit();
    if (this.#committer.why !== null) return;
    const done = this.#nextCommit();
    this.#committer.commit();
    await done;
  }

  #stalled(code: string): void {
    if (code === 'ring/full') this.#makeRoom();
    for (const tell of this.#onceTried.splice(0)) tell();
  }

  /** Resolves when the commit under way, or else the next, is durable or was refused by the disk. */
  #nextCommit(): Promise<void> {
    if (this.#committer.why !== null) return Promise.resolve();
    return new Promise((resolve) => this.#onceTried.push(resolve));
  }
}

/** A cursor that was made after the checkpoint's position is in the log behind it, or was never durable. */
const definedBy = (position: Position, upTo: number): boolean => position.definedAt <= upTo;

function sameFilters(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((filter) => b.includes(filter));
}
