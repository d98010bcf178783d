import type { PublicKey } from '#kernel';
import { ByteReader, ByteWriter } from './bytes.ts';
import { type PendingGap, readGaps, writeGaps } from './gaps.ts';
import { type FilterPeriod, Position } from './position.ts';
import type { DropReason } from './types.ts';

/** Those of the first version, whose counts stand in front; later ones stand behind the value. */
const firstReasons: readonly DropReason[] = ['full', 'damaged', 'expired', 'refused'];

/** Body of a `cursor` record: the cursor as it is from this record on. Its name is the record's name. */
export interface CursorDefinition {
  readonly id: number;
  readonly except: PublicKey | null;
  readonly discoverTo: number;
  readonly start: number;
  readonly filters: readonly string[];
}

export function encodeDefinition(definition: CursorDefinition): Uint8Array {
  const out = new ByteWriter();
  out.uint32(definition.id);
  out.key(definition.except);
  out.uint48(definition.discoverTo);
  out.uint48(definition.start);
  writeFilters(out, definition.filters);
  return out.done();
}

export function decodeDefinition(bytes: Buffer): CursorDefinition {
  const reader = new ByteReader(bytes);
  return {
    id: reader.uint32(),
    except: reader.key(),
    discoverTo: reader.uint48(),
    start: reader.uint48(),
    filters: readFilters(reader),
  };
}

/** Body of a `settle` record: absolute, so that replaying it twice changes nothing. */
export interface Settlement {
  readonly id: number;
  readonly revision: number;
  readonly settledTo: number;
  readonly settled: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  readonly discovered: number;
  readonly gaps: readonly PendingGap[];
  readonly value: Uint8Array | null;
}

export function settlementOf(position: Position): Settlement {
  const { id, revision, settledTo, settled, gaps, value } = position;
  const reading = settledTo < position.discoverTo;
  const discovered = reading ? Math.min(position.discovered, position.settledOrdinal) : position.discovered;
  return { id, revision, settledTo, settled, dropped: { ...position.dropped }, discovered, gaps, value };
}

export function encodeSettlement(settlement: Settlement): Uint8Array {
  const out = new ByteWriter();
  out.uint32(settlement.id);
  out.uint48(settlement.revision);
  out.uint48(settlement.settledTo);
  out.uint48(settlement.settled);
  for (const reason of firstReasons) out.uint48(settlement.dropped[reason]);
  out.uint48(settlement.discovered);
  // Where the first version had its one gap.
  for (let part = 0; part < 3; part++) out.uint48(0);
  out.optional(settlement.value);
  out.uint48(settlement.dropped.superseded);
  writeGaps(out, settlement.gaps);
  return out.done();
}

export function decodeSettlement(bytes: Buffer): Settlement {
  const reader = new ByteReader(bytes);
  const id = reader.uint32();
  const revision = reader.uint48();
  const settledTo = reader.uint48();
  const settled = reader.uint48();
  const [full = 0, damaged = 0, expired = 0, refused = 0] = firstReasons.map(() => reader.uint48());
  const discovered = reader.uint48();
  const gap = { from: reader.uint48(), to: reader.uint48(), count: reader.uint48() };
  const value = reader.optional();
  const superseded = reader.atEnd ? 0 : reader.uint48();
  const old: PendingGap[] = gap.to === 0 ? [] : [{ ...gap, reason: 'full', topics: [] }];
  const gaps = reader.atEnd ? old : readGaps(reader);
  const dropped = { full, damaged, expired, refused, superseded };
  return { id, revision, settledTo, settled, dropped, discovered, gaps, value };
}

/** Takes over what a replayed settlement says; false when something newer is known. */
export function applySettlement(position: Position, settlement: Settlement): boolean {
  if (settlement.revision < position.revision) return false;
  position.revision = settlement.revision;
  position.settledTo = settlement.settledTo;
  position.settled = settlement.settled;
  position.dropped = { ...settlement.dropped };
  position.discovered = settlement.discovered;
  position.gaps = settlement.gaps;
  position.value = settlement.value;
  return true;
}

/** A cursor whole, for a checkpoint at `upTo`: filters that were set later are in the log after it. */
export function encodePosition(position: Position, upTo: number): Buffer {
  const history = position.history.filter((period) => period.since <= upTo);
  const out = new ByteWriter();
  out.bytes(Buffer.from(position.name));
  out.key(position.except);
  out.uint48(position.discoverTo);
  out.uint48(position.live);
  out.uint32(history.length);
  for (const period of history) {
    out.uint48(period.since);
    writeFilters(out, period.filters);
  }
  out.bytes(encodeSettlement(settlementOf(position)));
  return out.done();
}

export function decodePosition(bytes: Buffer): Position {
  const reader = new ByteReader(bytes);
  const name = reader.bytes().toString();
  const except = reader.key();
  const discoverTo = reader.uint48();
  const live = reader.uint48();
  const history: FilterPeriod[] = [];
  for (let left = reader.uint32(); left > 0; left--) {
    history.push({ since: reader.uint48(), filters: readFilters(reader) });
  }
  const settlement = decodeSettlement(reader.bytes());
  const position = new Position(settlement.id, name, except, discoverTo, settlement.settledTo);
  position.live = live;
  position.history = history;
  applySettlement(position, settlement);
  return position;
}

function writeFilters(out: ByteWriter, filters: readonly string[]): void {
  out.uint32(filters.length);
  for (const filter of filters) out.bytes(Buffer.from(filter));
}

function readFilters(reader: ByteReader): string[] {
  const filters: string[] = [];
  for (let left = reader.uint32(); left > 0; left--) filters.push(reader.bytes().toString());
  return filters;
}
