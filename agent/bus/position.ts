import type { Epoch, Sequence } from '#kernel';
import { sequence } from '#kernel';

/**
 * A place in one stream: the last item up to it. Sequences are the sender's ring's, so they are sparse; the ordinal
 * counts the stream's items without holes (a gap counts as many as it lost) and is used for accounts alone.
 */
export interface Position {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  readonly ordinal: number;
}

export const noEpoch = '0'.repeat(24) as Epoch;

/** Before the first item. */
export const streamStart: Position = { epoch: noEpoch, sequence: sequence(0), ordinal: 0 };
