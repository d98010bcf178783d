import type { Epoch } from '#kernel';
import type { Checkpointer } from './checkpointer.ts';
import type { DamageAccount } from './damage.ts';
import type { Floors } from './floors.ts';
import type { Log } from './log.ts';
import type { Origins } from './origins.ts';
import type { PatientFile } from './patient-file.ts';
import type { Position } from './position.ts';
import type { Seen } from './seen.ts';
import type { State } from './state.ts';
import type { Tally } from './tally.ts';

/** What recovery hands over. */
export interface RecoveredRing {
  readonly file: PatientFile;
  readonly log: Log;
  readonly state: State;
  readonly origins: Origins;
  readonly seen: Seen;
  readonly tally: Tally;
  readonly positions: Map<number, Position>;
  /** As the meter of writes was saved. */
  readonly writes: Uint8Array | null;
  readonly floors: Floors;
  readonly checkpointer: Checkpointer;
  readonly damage: DamageAccount;
  readonly epoch: Epoch;
  readonly boot: number;
  readonly last: number;
  readonly nextCursorId: number;
  readonly ringTimeBase: number;
}
