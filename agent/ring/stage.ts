import { pageBytes } from '#kernel';
import { writeTally } from './batch.ts';
import type { Snapshot } from './checkpoint.ts';
import { batchHeaderBytes, padded, tallyEntryBytes, viewOf } from './layout.ts';
import type { Position } from './position.ts';
import { type RecordKind, recordKind, type StoredProvenance, writeRecord } from './record.ts';
import type { Tallied } from './tally.ts';
import type { Lane } from './types.ts';

const smallestBytes = 64 * 1024;

/** What becomes durable with a stage, of a cursor's settled state. */
export interface StagedSettle {
  readonly position: Position;
  readonly settledTo: number;
  readonly ordinal: number;
}

/** The state as it is with the last record of a stage: half of a checkpoint. */
export type StateHalf = Pick<Snapshot, 'values' | 'retained' | 'origins' | 'seen' | 'nextCursorId'>;

/** One commit batch being filled. Its memory is used again for a later one. */
export class Stage {
  bytes: Buffer;
  length = batchHeaderBytes;
  tallied = 0;
  first = 0;
  count = 0;
  payloadBytes = 0;
  /** What its messages take, by lane. */
  readonly laneBytes = [0, 0, 0];
  readonly touched: Position[] = [];
  /** Matches of each touched cursor, once sealed. */
  matches: number[] = [];
  readonly settles: StagedSettle[] = [];
  state: StateHalf | null = null;
  /** The lanes' floors, if they were raised. */
  floors: Uint8Array | null = null;
  #view: DataView;
  /** Up to here nothing needs to be asked: a page for the padding is left. */
  #room: number;
  readonly #allocate: (bytes: number) => Uint8Array;

  constructor(allocate: (bytes: number) => Uint8Array) {
    this.#allocate = allocate;
    this.bytes = bufferOf(allocate(smallestBytes));
    this.#view = viewOf(this.bytes);
    this.#room = this.bytes.length - pageBytes;
  }

  get last(): number {
    return this.first + this.count - 1;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** `tally`: the counts before it. */
  begin(first: number, tally: readonly Tallied[]): void {
    this.length = writeTally(this.bytes, tally);
    this.tallied = tally.length;
    this.first = first;
    this.count = 0;
    this.payloadBytes = 0;
    this.laneBytes.fill(0);
    this.touched.length = 0;
    this.settles.length = 0;
    this.state = null;
    this.floors = null;
  }

  /** Makes room for `more` bytes of records. */
  reserve(more: number): void {
    if (this.length + more <= this.#room) return;
    const wanted = padded(this.length + more);
    if (wanted <= this.bytes.length) return;
    const wider = bufferOf(this.#allocate(Math.max(wanted, this.bytes.length * 2)));
    this.bytes.copy(wider, 0, 0, this.length);
    this.bytes = wider;
    this.#view = viewOf(wider);
    this.#room = wider.length - pageBytes;
  }

  /** Appends one record and returns its sequence. Room was reserved. */
  add(
    kind: RecordKind,
    flags: number,
    lane: Lane,
    born: number,
    provenance: StoredProvenance | null,
    name: Uint8Array,
    body: Uint8Array,
  ): number {
    const { length } = this;
    this.length = writeRecord(this.bytes, this.#view, length, kind, flags, lane, born, provenance, name, body);
    if (kind === recordKind.message) this.laneBytes[lane] = (this.laneBytes[lane] as number) + this.length - length;
    this.payloadBytes += name.length + body.length;
    return this.first + this.count++;
  }

  /** Counts a match of the record just added. */
  matched(position: Position, lane: Lane, sequence: number): void {
    if (position.stagedIn !== this) {
      position.stagedIn = this;
      position.stagedMatches = 0;
      this.touched.push(position);
    }
    position.stagedMatches++;
    position.newestOf[lane] = sequence;
  }

  /** Where the records begin. */
  get from(): number {
    return batchHeaderBytes + this.tallied * tallyEntryBytes;
  }

  /** No record comes after this; the cursors' staged counts belong to the next stage. */
  seal(): void {
    this.matches = this.touched.map((position) => position.stagedMatches);
    for (const position of this.touched) position.stagedIn = null;
  }
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
