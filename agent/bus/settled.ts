import { constant, hex, isRefusal, layout, u8, u64 } from '#codec';
import type { Epoch, Sequence } from '#kernel';
import { sequence } from '#kernel';
import type { Met } from './acquaintance.ts';
import { neverMet } from './acquaintance.ts';
import type { Welcome } from './frame.ts';
import type { OutboundEffect } from './outbound-events.ts';
import type { Position } from './position.ts';
import { streamStart } from './position.ts';

/** What a stream keeps in its cursor's value: where the far end has it durable, and how much it had refused by then. */
export interface Settled {
  readonly place: Position;
  readonly refused: number;
  readonly met: Met;
}

const common = { epoch: hex<Epoch>(12), sequence: u64, ordinal: u64, refused: u64 };
/** As it was until 2026-11-23. */
const withoutMetLayout = layout('bus.settled.1', { version: constant(u8, 1), ...common });
const settledLayout = layout('bus.settled', {
  version: constant(u8, 2),
  ...common,
  theirs: hex<Epoch>(12),
  ours: hex<Epoch>(12),
});

export const encodeSettled = ({ place, refused, met }: Settled): Uint8Array =>
  settledLayout.encode({ ...place, refused, ...met });

/** A value that is none, or of another version, means the start of the stream: the far end knows better. */
export function decodeSettled(value: Uint8Array | null): Settled {
  const bytes = value ?? new Uint8Array(0);
  const kept = settledLayout.decode(bytes);
  if (!isRefusal(kept)) return { ...placed(kept), met: { theirs: kept.theirs, ours: kept.ours } };
  const older = withoutMetLayout.decode(bytes);
  return isRefusal(older) ? { place: streamStart, refused: 0, met: neverMet } : { ...placed(older), met: neverMet };
}

const placed = (kept: { epoch: Epoch; sequence: number; ordinal: number; refused: number }) => ({
  place: { epoch: kept.epoch, sequence: sequence(kept.sequence), ordinal: kept.ordinal },
  refused: kept.refused,
});

/** The far end knows less than it has acknowledged: an older image was restored there, or its ring is new. */
export function wentBack(frame: Welcome, settled: Settled): boolean {
  const { place, refused } = settled;
  const behind = frame.placeSequence < place.sequence;
  return frame.refused < refused || (behind && (frame.placeEpoch === place.epoch || frame.placeSequence === 0));
}

/** What a sending stream is done with, and how much of it arrived. */
export class Settlement {
  settled: Settled;
  /** All that the far end ever refused of this stream, as it says. */
  farRefused = 0;
  delivered = 0;

  constructor(value: Uint8Array | null) {
    this.settled = decodeSettled(value);
  }

  /** Written with what is settled next. */
  meets(met: Met): void {
    this.settled = { ...this.settled, met };
  }

  /** The far end's running total, at a welcome: one that went back is taken as it is. */
  welcomed(refused: number): void {
    this.farRefused = refused;
    if (refused < this.settled.refused) this.settled = { ...this.settled, refused };
  }

  /** `records` more are done with; `skipped` of them no link takes any more. */
  settle(to: Sequence, place: Position, records: number, skipped: number): OutboundEffect {
    const refused = Math.min(Math.max(0, this.farRefused - this.settled.refused), records - skipped);
    this.settled = { ...this.settled, place, refused: this.settled.refused + refused };
    this.delivered += records - skipped - refused;
    return { kind: 'settle', to, refused: refused + skipped, value: encodeSettled(this.settled) };
  }
}
