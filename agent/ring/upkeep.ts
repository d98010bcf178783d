import type { Clock, Epoch, Instant, Timer } from '#kernel';
import { after, milliseconds } from '#kernel';
import type { Snapshot } from './checkpoint.ts';
import type { Checkpointer } from './checkpointer.ts';
import type { Committer } from './committer.ts';
import type { CursorTable } from './cursor-table.ts';
import { type Floors, floorsKey } from './floors.ts';
import type { Log } from './log.ts';
import type { Origins } from './origins.ts';
import type { Position } from './position.ts';
import { encodePosition } from './position-codec.ts';
import type { Seen } from './seen.ts';
import type { Segment } from './segment.ts';
import type { Space } from './space.ts';
import type { Stage, StagedSettle } from './stage.ts';
import type { State } from './state.ts';
import { writesKey } from './write-meter.ts';
import type { Writes } from './writes.ts';

const checkpointRetryMs = 2_000;
/** Checkpoints for the sake of cursors: at most one in so long, and so many bytes each second. */
const cursorCheckpointMs = 10_000;
const cursorCheckpointBytesPerMs = 64;

export interface UpkeepOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly state: State;
  readonly origins: Origins;
  readonly seen: Seen;
  readonly positions: ReadonlyMap<number, Position>;
  readonly checkpointer: Checkpointer;
  readonly committer: Committer;
  readonly cursors: CursorTable;
  readonly space: Space;
  readonly epoch: Epoch;
  readonly boot: number;
  readonly ringTime: () => number;
  readonly writes: Writes;
  readonly floors: Floors;
  /** Begins to tidy up; `makeRoom` is called when that is done. */
  readonly tidy: () => void;
  /** Room may have come. */
  readonly tellRoom: () => void;
}

/** Keeps the ring going round: checkpoints when the log since the last one is long enough, and free segments ahead. */
export class Upkeep {
  readonly #options: UpkeepOptions;
  #retry: Timer | null = null;
  /** Cursors changed a while after the last checkpoint for their sake. */
  #later: Timer | null = null;
  #nextForCursors: Instant | null = null;
  #wanted = false;
  #logged = 0;
  #stopped = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /** The next commit carries a checkpoint. */
  wantCheckpoint(): void {
    this.#wanted = true;
  }

  /**
   * A cursor was made, changed or removed. Its record is in one batch, and with that damaged all that waits for it would
   * be forgotten in silence: a checkpoint at that batch's end says it a second time.
   */
  cursorsChanged(): void {
    const { clock, checkpointer } = this.#options;
    const now = clock.now();
    const next = this.#nextForCursors;
    if (next !== null && now < next) {
      this.#later ??= clock.at(next, () => {
        this.#later = null;
        this.cursorsChanged();
      });
      return;
    }
    const pause = Math.max(cursorCheckpointMs, checkpointer.lastBytes / cursorCheckpointBytesPerMs);
    this.#nextForCursors = after(now, milliseconds(pause));
    this.#wanted = true;
  }

  /** The state as it is with a batch's last record, if a checkpoint is due at its end. */
  beforeSeal(stage: Stage): void {
    if (!this.#due()) return;
    const { state, origins, seen, cursors, writes, floors } = this.#options;
    const copies = [...origins.all()].map((origin) => ({ ...origin }));
    const { values, retained } = state.snapshot();
    const kept = [...values, [writesKey, writes.saved()] as const, [floorsKey, floors.save()] as const];
    stage.state = { values: kept, retained, origins: copies, seen: seen.save(), nextCursorId: cursors.nextCursorId };
  }

  madeDurable(stage: Stage, segment: Segment): void {
    this.#logged += stage.length;
    if (stage.state !== null) void this.#checkpoint(stage, segment);
    this.keepAhead();
  }

  /** Makes room before it is needed. */
  keepAhead(): void {
    const { log } = this.#options;
    if (log.freeSlots <= log.geometry.reserveSlots + 1) this.makeRoom();
  }

  /** Frees what may be freed, and sets going what would free more. */
  makeRoom(): void {
    if (this.#stopped) return;
    const { space, committer, clock, log, tellRoom } = this.#options;
    const need = space.reclaim();
    if (need === 'checkpoint') this.#wanted = true;
    if (need === 'tidying') this.#options.tidy();
    if (need === 'commit' || (need === 'checkpoint' && this.#due())) clock.soon(() => committer.commit());
    if (committer.whyCode === 'ring/full' && log.freeSlots > 0) committer.retryNow();
    tellRoom();
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    this.#later?.cancel();
  }

  #due(): boolean {
    const { checkpointer, log } = this.#options;
    if (checkpointer.busy || this.#retry !== null) return false;
    return this.#wanted || this.#logged >= Math.max(log.geometry.checkpointBytes, 2 * checkpointer.lastBytes);
  }

  async #checkpoint(stage: Stage, segment: Segment): Promise<void> {
    const { checkpointer, positions, log } = this.#options;
    const { swaps } = log;
    const settles = [...positions.values()].map((position) => ({
      position,
      settledTo: position.settledTo,
      ordinal: position.settledOrdinal,
    }));
    const snapshot = this.#snapshot(stage, segment);
    if (snapshot === null) return;
    this.#wanted = false;
    this.#logged = 0;
    if (await checkpointer.write(snapshot, swaps)) this.#written(settles);
    else this.#tryAgain();
  }

  #snapshot(stage: Stage, segment: Segment): Snapshot | null {
    const { log, boot, epoch, ringTime, positions } = this.#options;
    if (stage.state === null) return null;
    // A cursor that was made later is in the log behind the checkpoint, or was never durable.
    const covered = [...positions.values()].filter((position) => position.definedAt <= stage.last);
    return {
      ...stage.state,
      ringId: log.ringId,
      segmentBytes: log.geometry.segmentBytes,
      boot,
      epoch,
      ringTime: ringTime(),
      position: stage.last,
      segment: segment.id,
      offset: segment.end,
      segments: log.segments.map((each) => ({
        ...each,
        matches: new Map(each.matches),
        laneBytes: [...each.laneBytes],
      })),
      positions: covered.map((position) => encodePosition(position, stage.last)),
      newestOf: covered.map(({ newestOf }) => [...newestOf]),
    };
  }

  #written(settles: readonly StagedSettle[]): void {
    for (const { position, settledTo, ordinal } of settles) position.madeDurable(settledTo, ordinal);
    if (this.#stopped) return;
    this.#options.space.free();
    this.keepAhead();
    this.#options.tellRoom();
  }

  #tryAgain(): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    this.#retry = clock.at(after(clock.now(), milliseconds(checkpointRetryMs)), () => {
      this.#retry = null;
      this.#wanted = true;
      this.makeRoom();
    });
  }
}
