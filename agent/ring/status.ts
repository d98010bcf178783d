import type { Duration, Sequence } from '#kernel';
import type { Committer } from './committer.ts';
import type { LaneSpace } from './lane-space.ts';
import { laneNames, lanes } from './lanes.ts';
import { batchFrontBytes, recordHeaderBytes } from './layout.ts';
import type { RecoveredRing } from './recovered.ts';
import type { Space } from './space.ts';
import type { Tidier } from './tidier.ts';
import type { Lane, LaneStatus, RingStatus } from './types.ts';
import type { Writes } from './writes.ts';

export interface StatusParts {
  readonly committer: Committer;
  readonly space: Space;
  readonly tidier: Tidier;
  readonly writes: Pick<Writes, 'status' | 'windowOf'>;
  readonly durable: number;
  readonly ringTime: number;
  readonly payloadBytes: number;
  /** The smallest append that was refused since room was last told of; infinite if none was. */
  readonly refusedBytes: number;
  readonly laneSpace: LaneSpace;
}

/** The ring's figures as they are now. */
export function statusOf(parts: RecoveredRing, live: StatusParts): RingStatus {
  const { log, damage, checkpointer, state, seen, epoch } = parts;
  const { committer, durable, ringTime, payloadBytes } = live;
  const oldest = log.segments.find((segment) => segment.last >= segment.first);
  // What is left over may be too little for those who wait, and enough for a smaller record: they wait all the same.
  const wanted = Number.isFinite(live.refusedBytes) ? live.refusedBytes : recordHeaderBytes;
  const room = log.admits(committer.stage.length + batchFrontBytes + wanted);
  const stalled = committer.why !== null && committer.whyCode !== 'ring/full';
  return {
    state: stalled ? 'stalled' : room ? 'ok' : 'full',
    why: stalled ? committer.why : null,
    sizeBytes: log.geometry.slots * log.geometry.segmentBytes,
    usedBytes: log.usedBytes,
    oldest: (oldest?.first ?? durable + 1) as Sequence,
    head: committer.stage.last as Sequence,
    durable: durable as Sequence,
    epoch,
    damagedBatches: damage.batches,
    damagedRecords: damage.records,
    quarantine: damage.quarantine.path,
    commits: committer.commits,
    bytesWritten: log.bytesWritten + checkpointer.bytesWritten,
    zeroedBytes: log.zeroesWritten,
    writes: live.writes.status,
    lanes: lanes.map((lane) => laneStatus(lane, live)),
    payloadBytes,
    oldestAge: (oldest === undefined ? 0 : Math.max(0, ringTime - oldest.born)) as Duration,
    stateBytes: state.bytes,
    stateLimitBytes: state.limitBytes,
    compactedSegments: live.tidier.compactedSegments,
    droppedRecords: live.space.droppedRecords,
    forgottenOrigins: seen.forgotten,
  };
}

function laneStatus(lane: Lane, { writes, laneSpace }: StatusParts): LaneStatus {
  const budget = laneSpace.budgetOf(lane);
  return {
    lane: laneNames[lane] ?? 'normal',
    commitWindowMs: writes.windowOf(lane),
    usedBytes: laneSpace.usedBy(lane),
    sizeBytes: Number.isFinite(budget) ? budget : null,
    full: laneSpace.policyOf(lane),
    state: laneSpace.isFull(lane) ? 'full' : 'ok',
    droppedBytes: laneSpace.droppedBy(lane),
  };
}
