import type { Duration } from '#kernel';
import type { Lane, LaneName, RingOptions } from './types.ts';

/** By number. */
export const laneNames: readonly LaneName[] = ['urgent', 'normal', 'bulk'];
export const lanes: readonly Lane[] = [0, 1, 2];

/** How long a commit may gather that holds something of the lane. */
export function windowsOf({ commitWindow, lanes: own }: RingOptions): readonly Duration[] {
  return laneNames.map((name) => own?.[name]?.commitWindow ?? commitWindow);
}

/** How much each lane's records may take; Infinity: it has no budget of its own. */
export function budgetsOf({ lanes: own }: RingOptions): readonly number[] {
  return laneNames.map((name) => own?.[name]?.sizeBytes ?? Number.POSITIVE_INFINITY);
}

/** What becomes of more than that. */
export function policiesOf({ lanes: own, full }: RingOptions): readonly ('drop-oldest' | 'refuse')[] {
  return laneNames.map((name) => own?.[name]?.full ?? full);
}
