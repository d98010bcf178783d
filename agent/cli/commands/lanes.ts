import { duration, size, table } from '../output.ts';

/** What `[ring]` status says of a lane. */
export interface Lane {
  readonly lane: string;
  readonly commitWindowMs: number;
  readonly usedBytes: number;
  readonly sizeBytes: number | null;
  readonly full: string;
  readonly state: string;
  readonly droppedBytes: number;
}

/** What waits in each lane, its budget, and how long its commits gather. */
export function lanesText(lanes: readonly Lane[], wide: boolean | undefined): string {
  const rows = lanes.map(({ lane, usedBytes, sizeBytes, full, droppedBytes, state, commitWindowMs }) => [
    lane,
    size(usedBytes),
    sizeBytes === null ? null : size(sizeBytes),
    sizeBytes === null ? null : full,
    size(droppedBytes),
    state,
    commitWindowMs === 0 ? 'at once' : `after ${duration(commitWindowMs)}`,
  ]);
  return table(['LANE', 'WAITING', 'BUDGET', 'BEYOND', 'DROPPED', 'STATE', 'COMMITTED'], rows, { cut: [], wide });
}
