import type { Clock, Epoch, Sequence } from '#kernel';
import type { Committer } from './committer.ts';
import type { LaneSpace } from './lane-space.ts';
import { batchFrontBytes, recordHeaderBytes } from './layout.ts';
import type { Log } from './log.ts';
import { encodeOrigin, type Origins } from './origins.ts';
import type { Interests, KnownTopic, Position } from './position.ts';
import {
  messageFlags,
  provenanceBytes,
  type RecordKind,
  recordKind,
  recordSize,
  type StoredProvenance,
} from './record.ts';
import type { Seen } from './seen.ts';
import type { State } from './state.ts';
import type { Appended, Entry, Lane, NewMessage, Provenance, StateChange } from './types.ts';

const nothing = new Uint8Array(0);
const originRecordBytes = 46 + recordHeaderBytes;

export interface AppenderOptions {
  readonly clock: Clock;
  readonly committer: Committer;
  readonly log: Log;
  readonly state: State;
  readonly origins: Origins;
  readonly seen: Seen;
  readonly interests: Interests;
  readonly laneSpace: LaneSpace;
  readonly epoch: Epoch;
  readonly ringTime: () => number;
}

type Refused = Extract<Appended, { ok: false }>;
const full: Refused = { ok: false, reason: 'full' };
/** A lane is over its budget. */
const laneFull: Refused = { ok: false, reason: 'full' };
const stalled: Refused = { ok: false, reason: 'stalled' };
const tooLarge: Refused = { ok: false, reason: 'too-large' };

/**
 * Puts entries into the stage: sizes and limits first, so that it is all of them or none. This is the hot path: no
 * object is made per record but the answer, a topic is looked up once, the clock is read once a tick.
 */
export class Appender {
  readonly #options: AppenderOptions;
  /** Ring time of this tick; negative when it is to be read again. */
  #now = -1;
  // What the entries at hand add up to.
  #bytes = 0;
  #growth = 0;
  #named = 0;
  #messages = 0;
  readonly #laneBytes = [0, 0, 0];
  /** The most urgent of them. */
  #lane: Lane | null = null;
  /** The size of the smallest append that was refused since the ring last told of room. */
  refusedBytes = Number.POSITIVE_INFINITY;
  /** The topic of each entry at hand; null for a change of state. */
  readonly #topics: (KnownTopic | null)[] = [];

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  append(entries: readonly Entry[]): Appended {
    const { committer, log } = this.#options;
    const refusal = this.#refusal(entries);
    if (refusal !== null) {
      if (refusal !== laneFull) this.refusedBytes = Math.min(this.refusedBytes, this.#bytes);
      return refusal;
    }
    if (committer.stage.length >= log.geometry.stageBytes) committer.commit();
    if (this.#now < 0) this.#readTime();
    if (this.#named > 0) this.#stageOrigins(entries);
    const first = committer.stage.last + 1;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry;
      if (entry.kind === 'message') this.#message(entry, this.#topics[index] as KnownTopic);
      else this.#change(entry);
    }
    const last = committer.stage.last;
    committer.staged(this.#lane);
    return { ok: true, first: first as Sequence, last: last as Sequence };
  }

  /** Room for what was refused, or whoever tries again at once is refused again, for ever and in no time. */
  get takesAgain(): boolean {
    const { log, committer } = this.#options;
    if (!Number.isFinite(this.refusedBytes)) return false;
    const length = committer.stage.length + this.refusedBytes;
    return (length <= log.geometry.stageBytes || committer.stage.isEmpty) && log.admits(length);
  }

  /** A record of the ring's own; null when the stage can take no more until the disk does. */
  control(kind: RecordKind, name: Uint8Array, body: Uint8Array): number | null {
    const { committer, log, ringTime } = this.#options;
    const size = recordHeaderBytes + name.length + body.length;
    if (committer.stage.length + size > log.geometry.largestBatch) return null;
    committer.stage.reserve(size);
    return committer.stage.add(kind, 0, 0, ringTime(), null, name, body);
  }

  #readTime(): void {
    const { clock, ringTime } = this.#options;
    this.#now = ringTime();
    clock.soon(() => {
      this.#now = -1;
    });
  }

  /** Origins first, so that the entries' own sequences follow one another. */
  #stageOrigins(entries: readonly Entry[]): void {
    for (const entry of entries)
      if (entry.kind === 'message' && entry.provenance !== null) this.#store(entry.provenance);
  }

  #refusal(entries: readonly Entry[]): Refused | null {
    const { committer, log, state, origins, laneSpace } = this.#options;
    const { geometry } = log;
    this.#measure(entries);
    const bytes = this.#bytes;
    if (bytes + batchFrontBytes > geometry.largestBatch || this.#growth > state.limitBytes) return tooLarge;
    const lanes = laneSpace.hasBudgets && this.#messages > 0 ? this.#measureLanes(entries) : null;
    if (lanes !== null && laneSpace.neverTakes(lanes)) return tooLarge;
    if (this.#growth > 0 && !state.fits(this.#growth)) return full;
    if (this.#named > 0 && !origins.hasRoom(this.#named, log.segments[0]?.first ?? 0)) return full;
    // A stage that is under way leaves the other to fill; when that is full too, the disk is slower than its users.
    const { stage } = committer;
    const limit = this.#messages > 0 ? geometry.stageBytes : geometry.largestBatch;
    if (stage.length + bytes > limit && !stage.isEmpty) {
      if (committer.writing) return stalled;
      committer.commit();
    }
    if (this.#messages > 0 && !log.admits(committer.stage.length + bytes)) return full;
    if (lanes !== null && !laneSpace.takes(lanes)) return laneFull;
    committer.stage.reserve(bytes);
    return null;
  }

  #measure(entries: readonly Entry[]): void {
    this.#bytes = 0;
    this.#growth = 0;
    this.#named = 0;
    this.#messages = 0;
    this.#lane = null;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry;
      if (entry.kind === 'message') this.#topics[index] = this.#measureMessage(entry);
      else {
        this.#topics[index] = null;
        this.#bytes += recordHeaderBytes + Buffer.byteLength(entry.key) + (entry.value?.length ?? 0);
        this.#growth += this.#options.state.growth(entry.key, entry.value);
      }
    }
  }

  #measureMessage(message: NewMessage): KnownTopic {
    const { interests, state } = this.#options;
    const { topic, body, lane, latest, provenance } = message;
    const known = interests.topic(topic);
    this.#messages++;
    if (this.#lane === null || lane < this.#lane) this.#lane = lane;
    this.#bytes += recordHeaderBytes + known.bytes.length + body.length;
    if (provenance !== null) {
      this.#bytes += provenanceBytes + 2 * originRecordBytes;
      this.#named += 2;
    }
    if (latest === 'set') this.#growth += state.retainedGrowth(topic, body);
    return known;
  }

  /** What the entries' messages take, by lane. */
  #measureLanes(entries: readonly Entry[]): readonly number[] {
    const bytes = this.#laneBytes.fill(0);
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry;
      if (entry.kind !== 'message') continue;
      const name = (this.#topics[index] as KnownTopic).bytes;
      bytes[entry.lane] =
        (bytes[entry.lane] ?? 0) + recordSize(name.length, entry.body.length, entry.provenance !== null);
    }
    return bytes;
  }

  #message(message: NewMessage, known: KnownTopic): void {
    const { stage } = this.#options.committer;
    const provenance = message.provenance === null ? null : this.#store(message.provenance);
    const born = Math.max(0, this.#now - Math.round(message.age));
    const flags = messageFlags(message.qos, message.retain, message.latest);
    const sequence = stage.add(recordKind.message, flags, message.lane, born, provenance, known.bytes, message.body);
    if (provenance !== null) this.#came(provenance, message.provenance as Provenance, sequence);
    const { positions } = known;
    for (let index = 0; index < positions.length; index++) {
      const position = positions[index] as Position;
      if (isFor(position, message.provenance)) stage.matched(position, message.lane, sequence);
    }
    if (message.latest !== 'none') this.#retain(message, sequence, born);
  }

  #came(stored: StoredProvenance, from: Provenance, sequence: number): void {
    const { origins, seen } = this.#options;
    origins.use(stored, sequence);
    seen.add(from.origin, from.epoch, from.sequence, sequence);
  }

  #retain(message: NewMessage, sequence: number, born: number): void {
    const { state, epoch } = this.#options;
    const { topic, lane, qos, retain, body, provenance } = message;
    const kept = { sequence, epoch, topic, lane, qos, retain, body: copyOf(body), provenance, born };
    state.retain(topic, message.latest === 'set' ? kept : null);
  }

  #change(change: StateChange): void {
    const { committer, state } = this.#options;
    const kind = change.value === null ? recordKind.delete : recordKind.put;
    committer.stage.add(kind, 0, 0, this.#now, null, Buffer.from(change.key), change.value ?? nothing);
    state.set(change.key, change.value === null ? null : copyOf(change.value));
  }

  #store(provenance: Provenance): StoredProvenance {
    const origin = this.#number(provenance.origin, provenance.epoch);
    const via = this.#number(provenance.via);
    return { origin, via, sequence: provenance.sequence, hopsLeft: provenance.hopsLeft };
  }

  #number(key: Provenance['origin'], epoch?: Epoch): number {
    const { origins, committer } = this.#options;
    const { origin, isNew } = origins.number(key, epoch);
    if (isNew) {
      origin.lastUsed = committer.stage.add(recordKind.origin, 0, 0, this.#now, null, nothing, encodeOrigin(origin));
    }
    return origin.id;
  }
}

/** No echo: not what was born at, or came by way of, the cursor's own node. */
export function isFor(position: Position, provenance: Provenance | null): boolean {
  const { except } = position;
  return except === null || provenance === null || (provenance.origin !== except && provenance.via !== except);
}

const copyOf = (bytes: Uint8Array): Uint8Array => Uint8Array.prototype.slice.call(bytes);
