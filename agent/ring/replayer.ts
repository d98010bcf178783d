import { type BatchHeader, tallyOf } from './batch.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { DamageAccount } from './damage.ts';
import { floorsKey } from './floors.ts';
import { viewOf } from './layout.ts';
import { LostMatches } from './lost-matches.ts';
import { decodeOrigin, type Origins } from './origins.ts';
import { Interests, Position } from './position.ts';
import { applySettlement, decodeDefinition, decodeSettlement } from './position-codec.ts';
import { entriesOf, NameReader, recordKind, recordSize, type StoredProvenance, type StoredRecord } from './record.ts';
import type { ReplaySink } from './recovery.ts';
import type { Seen } from './seen.ts';
import type { Segment } from './segment.ts';
import type { State } from './state.ts';
import type { Batch } from './tail.ts';
import { Tally } from './tally.ts';
import { writesKey } from './write-meter.ts';

type NamedRecord = StoredRecord & { readonly name: string };

/** Makes a checkpoint's state that of the log's end, record by record. */
export class Replayer implements ReplaySink {
  readonly state: State;
  readonly origins: Origins;
  readonly seen: Seen;
  readonly positions = new Map<number, Position>();
  nextCursorId = 1;
  /** What the ring's own meter of writes had saved. */
  writes: Uint8Array | null = null;
  /** What the lanes had given up. */
  floors: Uint8Array | null = null;
  readonly #interests = new Interests();
  readonly #damage: DamageAccount;
  readonly #matches = new LostMatches();
  readonly tally = new Tally();
  /** What the batch at hand has matched. */
  readonly #touched = new Set<Position>();
  readonly #names = new NameReader();
  #position = 0;

  constructor(state: State, origins: Origins, seen: Seen, damage: DamageAccount) {
    this.state = state;
    this.origins = origins;
    this.seen = seen;
    this.#damage = damage;
  }

  start(checkpoint: Checkpoint): void {
    this.#position = checkpoint.position;
    this.nextCursorId = checkpoint.nextCursorId;
    for (const { id, key, epoch, lastUsed } of checkpoint.origins) this.origins.define(id, key, epoch, lastUsed);
    for (const [key, value] of checkpoint.values) {
      if (key === writesKey) this.writes = value;
      else if (key === floorsKey) this.floors = value;
      else this.state.set(key, value);
    }
    for (const retained of checkpoint.retained) this.state.retain(retained.topic, retained);
    for (const position of checkpoint.positions) this.#add(position);
    this.seen.load(checkpoint.seen);
  }

  batch(batch: Batch, segment: Segment, header: BatchHeader): void {
    if (segment.born === 0) segment.born = header.ringTime;
    for (const { cursor, live } of tallyOf(batch.bytes, header, batch.from)) this.#tallied(cursor, live);
    const view = viewOf(batch.bytes);
    for (const { at, sequence, record } of entriesOf(batch)) {
      if (sequence <= this.#position) continue;
      const name = this.#names.of(batch.bytes, view, at);
      this.#record(Object.assign(record, { name }), sequence, segment, batch);
    }
    for (const position of this.#touched) this.tally.touch(position, position.live);
    this.#touched.clear();
  }

  missing(segment: Segment, offset: number, from: number, to: number): void {
    this.#damage.found(segment, offset, from, to);
    this.#matches.add(segment, from, to);
  }

  /** What was replayed is durable, so are the cursors as they are now. */
  finish(): void {
    this.#matches.finish(this.positions.values());
    for (const { cursor } of this.tally.entries()) this.#recount(cursor);
    for (const position of this.positions.values()) {
      position.durableTo = position.settledTo;
      position.durableOrdinal = position.settledOrdinal;
    }
  }

  #tallied(cursor: number, live: number): void {
    const position = this.positions.get(cursor);
    if (position === undefined) return;
    this.#matches.tallied(position, live);
    this.tally.touch(position, position.live);
  }

  #recount(cursor: number): void {
    const position = this.positions.get(cursor);
    if (position !== undefined) this.tally.touch(position, position.live);
  }

  #record(record: NamedRecord, sequence: number, segment: Segment, batch: Batch): void {
    switch (record.kind) {
      case recordKind.message:
        return this.#message(record, sequence, segment, batch);
      case recordKind.put:
        return this.#put(record.name, Uint8Array.prototype.slice.call(record.body));
      case recordKind.delete:
        return this.state.set(record.name, null);
      case recordKind.cursor:
        return this.#define(record, sequence);
      case recordKind.settle:
        return this.#settle(record);
      case recordKind.remove:
        return this.#remove(record.body.readUInt32LE(0));
      case recordKind.origin:
        return this.#origin(record, sequence);
      default:
        // A kind of a later minor version: its records mean nothing here.
        return undefined;
    }
  }

  #message(record: NamedRecord, sequence: number, segment: Segment, batch: Batch): void {
    const topic = record.name;
    const { provenance } = record;
    const bytes = recordSize(Buffer.byteLength(topic), record.body.length, provenance !== null);
    segment.laneBytes[record.lane] = (segment.laneBytes[record.lane] ?? 0) + bytes;
    if (provenance !== null) this.#came(provenance, sequence);
    for (const position of this.#interests.topic(topic).positions) {
      if (position.except !== null && provenance !== null && this.origins.names(provenance, position.except)) continue;
      position.live++;
      position.newestOf[record.lane] = sequence;
      this.#touched.add(position);
      this.#matches.matched(position, sequence);
      segment.matches.set(position.id, (segment.matches.get(position.id) ?? 0) + 1);
    }
    if (record.latest === 'clear') this.state.retain(topic, null);
    if (record.latest !== 'set') return;
    const { lane, qos, retain, born } = record;
    const body = Uint8Array.prototype.slice.call(record.body);
    const from = provenance === null ? null : this.origins.full(provenance);
    this.state.retain(topic, { sequence, epoch: batch.epoch, topic, lane, qos, retain, body, provenance: from, born });
  }

  #put(key: string, value: Uint8Array): void {
    if (key === floorsKey) this.floors = value;
    else this.state.set(key, value);
  }

  #came(provenance: StoredProvenance, sequence: number): void {
    this.origins.use(provenance, sequence);
    const from = this.origins.full(provenance);
    if (from !== null) this.seen.add(from.origin, from.epoch, from.sequence, sequence);
  }

  #define(record: NamedRecord, sequence: number): void {
    const { id, except, discoverTo, start, filters } = decodeDefinition(record.body);
    const known = this.positions.get(id);
    if (known !== undefined) {
      this.#interests.remove(known);
      known.setFilters(sequence, filters);
      this.#interests.add(known);
      return;
    }
    const position = new Position(id, record.name, except, discoverTo, start);
    position.definedAt = sequence;
    position.setFilters(start < sequence - 1 ? 0 : sequence, filters);
    this.nextCursorId = Math.max(this.nextCursorId, id + 1);
    this.#matches.made(position);
    this.#add(position);
  }

  #add(position: Position): void {
    this.positions.set(position.id, position);
    this.tally.touch(position, position.live);
    this.#interests.add(position);
  }

  #settle(record: NamedRecord): void {
    const settlement = decodeSettlement(record.body);
    const position = this.positions.get(settlement.id);
    if (position !== undefined && applySettlement(position, settlement)) this.#matches.settled(position);
  }

  #remove(id: number): void {
    const position = this.positions.get(id);
    if (position === undefined) return;
    this.#interests.remove(position);
    this.positions.delete(id);
    this.tally.forget(position);
  }

  #origin(record: NamedRecord, sequence: number): void {
    const origin = decodeOrigin(record.body);
    if (origin !== null) this.origins.define(origin.id, origin.key, origin.epoch, sequence);
  }
}
