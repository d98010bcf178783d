import type { Clock, Env, Epoch, PublicKey, Sequence } from '#kernel';
import { AgentError } from '#kernel';
import { Appender } from './appender.ts';
import { Committer } from './committer.ts';
import { CursorTable } from './cursor-table.ts';
import type { RingKeys } from './keys.ts';
import { type LaneSpace, laneSpaceOf } from './lane-space.ts';
import { Listeners } from './listeners.ts';
import type { Log } from './log.ts';
import { Interests } from './position.ts';
import type { RecoveredRing } from './recovered.ts';
import type { LastBatch } from './recovery.ts';
import { encodeSegmentHeader, type Segment } from './segment.ts';
import { Space } from './space.ts';
import type { Stage } from './stage.ts';
import { retainedRecord } from './state.ts';
import { statusOf } from './status.ts';
import { Tidier } from './tidier.ts';
import type { Appended, Cursor, CursorOptions, Entry, MessageRecord, Ring, RingOptions, RingStatus } from './types.ts';
import { Upkeep } from './upkeep.ts';
import { Writes } from './writes.ts';

/** The ring, put together: what is appended goes to the committer, what has become durable to cursors and listeners. */
export class DiskRing implements Ring {
  readonly id: string;
  readonly epoch: Epoch;
  readonly keys: RingKeys;
  readonly #clock: Clock;
  readonly #parts: RecoveredRing;
  readonly #log: Log;
  readonly #interests = new Interests();
  readonly #listeners = new Listeners();
  readonly #committer: Committer;
  readonly #appender: Appender;
  readonly #cursors: CursorTable;
  readonly #space: Space;
  readonly #laneSpace: LaneSpace;
  readonly #upkeep: Upkeep;
  readonly #tidier: Tidier;
  readonly #writes: Writes;
  readonly #startedAt: number;
  #durable: number;
  #payloadBytes = 0;
  /** An append was refused, and nobody has been told of room since. */
  #refused = false;
  #closed = false;

  constructor(env: Env, options: RingOptions, parts: RecoveredRing) {
    this.#clock = env.clock;
    this.#parts = parts;
    this.#log = parts.log;
    this.id = Buffer.from(parts.log.ringId).toString('hex');
    this.epoch = parts.epoch;
    this.keys = parts.log.wrapping.keys;
    this.#startedAt = env.clock.now();
    this.#durable = parts.last;
    const { checkpointer, writes } = parts;
    this.#writes = new Writes(
      options,
      writes,
      () => this.#ringTime,
      () => this.#log.written + checkpointer.bytesWritten,
    );
    this.#laneSpace = laneSpaceOf(options, parts, (lane) => this.#committer.stagedOf(lane));
    this.#committer = this.#makeCommitter(env);
    this.#appender = this.#makeAppender();
    this.#cursors = this.#makeCursors();
    this.#space = this.#makeSpace(env, options);
    this.#upkeep = this.#makeUpkeep();
    this.#tidier = this.#makeTidier(env, options);
  }

  /**
   * Makes this boot's epoch durable, in an empty batch. The last batch found is written again before: its process may
   * have died before its sync, or its sync may have failed. So are the headers named. Resolves when that is done, or
   * refused by the disk.
   */
  async begin(
    lastBatch: LastBatch | null,
    headers: readonly { readonly segment: Segment; readonly keyId: string | null }[],
  ): Promise<void> {
    this.#log.shrink();
    this.#log.zeroAhead();
    if (lastBatch !== null) this.#durable = lastBatch.before;
    const tried = this.#listeners.whenTried();
    void this.#committer.prepare(async () => {
      for (const { segment, keyId } of headers) await this.#log.rewrite(segment, 0, this.#headerOf(segment, keyId));
      if (lastBatch !== null) await this.#log.rewrite(lastBatch.segment, lastBatch.offset, lastBatch.bytes);
      this.#durable = this.#parts.last;
      // Cursors could not be read until now.
      this.#listeners.tellDurable(this.durable);
    });
    await tried;
  }

  #headerOf({ id, first, slot, sparse }: Segment, keyId: string | null): Uint8Array {
    const { ringId, geometry } = this.#log;
    const { segmentBytes } = geometry;
    return encodeSegmentHeader({ ringId, id, first, segmentBytes, slot, sparse, keyId });
  }

  append(entries: readonly Entry[]): Appended {
    if (this.#closed) return { ok: false, reason: 'stalled' };
    const appended = this.#appender.append(entries);
    if (!appended.ok && appended.reason !== 'too-large') {
      this.#refused = true;
      if (appended.reason === 'full') this.#clock.soon(() => this.#upkeep.makeRoom());
    }
    return appended;
  }

  get durable(): Sequence {
    return this.#durable as Sequence;
  }

  onDurable(listener: (durable: Sequence) => void): () => void {
    return this.#listeners.onDurable(listener);
  }

  whenDurable(upTo: Sequence): Promise<void> {
    return upTo <= this.#durable ? Promise.resolve() : this.#listeners.whenDurable(upTo);
  }

  onRoom(listener: () => void): () => void {
    return this.#listeners.onRoom(listener);
  }

  hasStored(origin: PublicKey, epoch: Epoch, born: Sequence): boolean {
    return this.#parts.seen.has(origin, epoch, born);
  }

  wanted(topic: string, from: PublicKey | null): boolean {
    return this.#interests.topic(topic).positions.some((position) => from === null || position.except !== from);
  }

  cursor(options: CursorOptions): Cursor {
    return this.#cursors.open(options);
  }

  cursors(): ReturnType<Ring['cursors']> {
    return this.#cursors.list();
  }

  state(key: string): Uint8Array | undefined {
    return this.#parts.state.get(key);
  }

  states(prefix: string): Iterable<readonly [key: string, value: Uint8Array]> {
    return this.#parts.state.under(prefix);
  }

  latest(topic: string): MessageRecord | undefined {
    const found = this.#parts.state.retained(topic);
    return found === undefined ? undefined : retainedRecord(found, this.#ringTime);
  }

  *latestMatching(filter: string): Iterable<MessageRecord> {
    for (const found of this.#parts.state.retainedMatching(filter)) yield retainedRecord(found, this.#ringTime);
  }

  get status(): RingStatus {
    return statusOf(this.#parts, {
      committer: this.#committer,
      space: this.#space,
      tidier: this.#tidier,
      writes: this.#writes,
      durable: this.#durable,
      ringTime: this.#ringTime,
      payloadBytes: this.#payloadBytes,
      refusedBytes: this.#appender.refusedBytes,
      laneSpace: this.#laneSpace,
    });
  }

  async checkpoint(): Promise<void> {
    const { checkpointer } = this.#parts;
    const wanted = this.#committer.stage.last;
    while (!this.#closed && checkpointer.newestPosition < wanted) {
      await this.#idle();
      const { why } = this.#committer;
      if (why !== null) throw new AgentError('ring/stalled', 'retry', `ring: ${why}`);
      this.#upkeep.wantCheckpoint();
      const tried = this.#listeners.whenTried();
      this.#committer.commit();
      await tried;
      await checkpointer.settled();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.file.stopWaiting();
    await this.#tidier.stop();
    await this.#lastCommit();
    this.#cursors.stop();
    this.#upkeep.stop();
    this.#committer.stop();
    await this.#parts.checkpointer.settled();
    await this.#parts.damage.quarantine.settled();
    await this.#log.close();
  }

  /** Powered milliseconds since the ring was made, as far as it knows, from 2^40 on. */
  get #ringTime(): number {
    return Math.floor(this.#parts.ringTimeBase + this.#clock.now() - this.#startedAt);
  }

  #madeDurable(stage: Stage, segment: Segment): void {
    for (const [index, position] of stage.touched.entries()) {
      const count = stage.matches[index] ?? 0;
      position.live += count;
      if (!position.removed) segment.matches.set(position.id, (segment.matches.get(position.id) ?? 0) + count);
    }
    for (const { position, settledTo, ordinal } of stage.settles) position.madeDurable(settledTo, ordinal);
    this.#laneSpace.madeDurable(stage.laneBytes, segment);
    this.#parts.floors.madeDurable(stage.floors);
    this.#durable = Math.max(this.#durable, stage.last);
    this.#writes.committed();
    this.#payloadBytes += stage.payloadBytes;
    this.#rememberTail(stage);
    this.#upkeep.madeDurable(stage, segment);
    this.#listeners.tellDurable(this.durable);
    this.#listeners.tellTried();
    this.#tellRoom();
  }

  /** Who keeps up reads from memory. */
  #rememberTail(stage: Stage): void {
    const slowest = this.#cursors.slowestReader();
    this.#log.tail.forget(slowest ?? this.#durable);
    if (slowest === null || stage.isEmpty) return;
    const bytes = Buffer.from(stage.bytes.subarray(0, stage.length));
    const { from, first, last, tallied } = stage;
    this.#log.tail.add({ bytes, from, end: stage.length, first, last, epoch: this.epoch, sparse: false, tallied });
  }

  #tellRoom(): void {
    if (!this.#refused || this.#committer.why !== null) return;
    if (!this.#appender.takesAgain && !this.#laneSpace.takesAgain) return;
    this.#refused = false;
    this.#appender.refusedBytes = Number.POSITIVE_INFINITY;
    this.#laneSpace.toldOfRoom();
    this.#listeners.tellRoom();
  }

  /** Everything staged and a checkpoint, unless the disk refuses. */
  async #lastCommit(): Promise<void> {
    await this.#idle();
    if (this.#committer.why !== null) return;
    this.#upkeep.wantCheckpoint();
    const tried = this.#listeners.whenTried();
    this.#committer.commit();
    await tried;
  }

  /** Neither a commit nor a checkpoint is under way, or the disk refuses: a commit under way may begin a checkpoint. */
  async #idle(): Promise<void> {
    const { checkpointer } = this.#parts;
    const committer = this.#committer;
    while (checkpointer.busy || (committer.writing && committer.why === null)) {
      await checkpointer.settled();
      if (committer.writing && committer.why === null) await this.#listeners.whenTried();
    }
  }

  #makeCommitter(env: Env): Committer {
    const stalled = (code: string): void => {
      if (code === 'ring/full') this.#upkeep.makeRoom();
      this.#listeners.tellTried();
    };
    return new Committer(
      {
        log: this.#log,
        clock: env.clock,
        random: env.random,
        journal: env.log,
        epoch: this.epoch,
        window: (lane) => this.#writes.windowOf(lane),
        allocate: (bytes) => env.disk.allocate(bytes),
        ringTime: () => this.#ringTime,
        tally: this.#parts.tally,
        beforeSeal: (stage) => {
          this.#cursors.stageSettles(stage);
          this.#parts.floors.stage(stage, (...record) => this.#appender.control(...record));
          this.#upkeep.beforeSeal(stage);
        },
        durable: (stage, segment) => this.#madeDurable(stage, segment),
        stalled,
      },
      this.#parts.last + 1,
    );
  }

  #makeAppender(): Appender {
    const { state, origins, seen } = this.#parts;
    return new Appender({
      clock: this.#clock,
      committer: this.#committer,
      log: this.#log,
      state,
      origins,
      seen,
      interests: this.#interests,
      laneSpace: this.#laneSpace,
      epoch: this.epoch,
      ringTime: () => this.#ringTime,
    });
  }

  #makeCursors(): CursorTable {
    const { origins, damage, positions, nextCursorId, tally } = this.#parts;
    return new CursorTable({
      clock: this.#clock,
      log: this.#log,
      committer: this.#committer,
      appender: this.#appender,
      interests: this.#interests,
      origins,
      damage,
      positions,
      tally,
      floors: this.#parts.floors,
      durable: () => this.#durable,
      whole: () => this.#durable >= this.#parts.last,
      ringTime: () => this.#ringTime,
      hurry: () => this.#refused,
      moved: () => this.#laneSpace.moved(),
      changed: () => this.#upkeep.cursorsChanged(),
      keepingOpened: () => this.#tidier.look(),
      nextCursorId,
    });
  }

  #makeSpace(env: Env, options: RingOptions): Space {
    return new Space({
      log: this.#log,
      policy: options.full,
      floors: this.#parts.floors,
      journal: env.log,
      positions: this.#parts.positions,
      openCursor: (position) => this.#cursors.opened(position),
      coveredTo: () => this.#parts.checkpointer.coveredTo,
      coveredSwaps: () => this.#parts.checkpointer.coveredSwaps,
      dirty: (position) => this.#cursors.dirty(position),
      inUse: (segment) => this.#tidier.inUse(segment),
      tidied: () => this.#tidier.inVain,
      compactsLater: () => this.#tidier.waitsForCheckpoint,
      exhausted: () => this.#committer.whyCode === 'ring/full',
    });
  }

  #makeTidier(env: Env, options: RingOptions): Tidier {
    const { positions, origins, checkpointer } = this.#parts;
    return new Tidier({
      clock: this.#clock,
      journal: env.log,
      log: this.#log,
      positions,
      committer: this.#committer,
      cursors: this.#cursors,
      space: this.#space,
      names: (stored, key) => origins.names(stored, key),
      coveredTo: () => checkpointer.coveredTo,
      ringTime: () => this.#ringTime,
      drops: options.full === 'drop-oldest',
      done: () => this.#upkeep.makeRoom(),
    });
  }

  #makeUpkeep(): Upkeep {
    const { state, origins, seen, positions, checkpointer, boot } = this.#parts;
    return new Upkeep({
      clock: this.#clock,
      log: this.#log,
      state,
      origins,
      seen,
      positions,
      checkpointer,
      committer: this.#committer,
      cursors: this.#cursors,
      space: this.#space,
      epoch: this.epoch,
      boot,
      ringTime: () => this.#ringTime,
      writes: this.#writes,
      floors: this.#parts.floors,
      tidy: () => this.#tidier.run(),
      tellRoom: () => this.#tellRoom(),
    });
  }
}
