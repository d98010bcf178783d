import type { Epoch, Sequence } from '#kernel';
import type { Committer } from './committer.ts';
import { batchHeaderBytes, recordHeaderBytes } from './layout.ts';
import type { Log } from './log.ts';
import { encodeOrigin, type Origins } from './origins.ts';
import type { Interests, Position } from './position.ts';
import { provenanceBytes, type RecordMeta, recordKind, type StoredProvenance } from './record.ts';
import type { State } from './state.ts';
import type { Appended, Entry, NewMessage, Provenance, StateChange } from './types.ts';

const nothing = new Uint8Array(0);
const originRecordBytes = 46 + recordHeaderBytes;

export interface AppenderOptions {
  readonly committer: Committer;
  readonly log: Log;
  readonly state: State;
  readonly origins: Origins;
  readonly interests: Interests;
  readonly epoch: Epoch;
  readonly ringTime: () => number;
}

export const plainMeta = (kind: RecordMeta['kind'], born: number): RecordMeta => ({
  kind,
  qos: 0,
  retain: false,
  latest: 'none',
  lane: 0,
  born,
  provenance: null,
});

/** Puts entries into the stage: sizes and limits first, so that it is all of them or none. */
export class Appender {
  readonly #options: AppenderOptions;
  /** Ring time, read once an append. */
  #now = 0;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  append(entries: readonly Entry[]): Appended {
    const { committer, log } = this.#options;
    const refusal = this.#refusal(entries);
    if (refusal !== null) return { ok: false, reason: refusal };
    if (committer.stage.length >= log.geometry.stageBytes) committer.commit();
    // Origins first, so that the entries' own sequences follow one another.
    for (const entry of entries)
      if (entry.kind === 'message' && entry.provenance !== null) this.#store(entry.provenance);
    const first = committer.stage.last + 1;
    this.#now = this.#options.ringTime();
    for (const entry of entries) {
      if (entry.kind === 'message') this.#message(entry);
      else this.#change(entry);
    }
    const last = committer.stage.last;
    committer.staged();
    return { ok: true, first: first as Sequence, last: last as Sequence };
  }

  /** A record of the ring's own; null when the stage can take no more until the disk does. */
  control(kind: RecordMeta['kind'], name: Uint8Array, body: Uint8Array): number | null {
    const { committer, log, ringTime } = this.#options;
    const size = recordHeaderBytes + name.length + body.length;
    if (committer.stage.length + size > log.geometry.largestBatch) return null;
    committer.stage.reserve(size);
    return committer.stage.add(plainMeta(kind, ringTime()), name, body);
  }

  #refusal(entries: readonly Entry[]): 'full' | 'stalled' | 'too-large' | null {
    const { committer, log } = this.#options;
    const { geometry } = log;
    let bytes = 0;
    let messages = false;
    for (const entry of entries) {
      bytes += this.#sizeOf(entry);
      if (entry.kind === 'message') messages = true;
    }
    if (bytes + batchHeaderBytes > geometry.largestBatch) return 'too-large';
    const state = this.#stateRefusal(entries);
    if (state !== null) return state;
    // A stage that is under way leaves the other to fill; when that is full too, the disk is slower than its users.
    const { stage } = committer;
    const limit = messages ? geometry.stageBytes : geometry.largestBatch;
    if (stage.length + bytes > limit && !stage.isEmpty) {
      if (committer.writing) return 'stalled';
      committer.commit();
    }
    if (messages && !log.admits(committer.stage.length + bytes)) return 'full';
    committer.stage.reserve(bytes);
    return null;
  }

  #sizeOf(entry: Entry): number {
    if (entry.kind === 'state') {
      return recordHeaderBytes + Buffer.byteLength(entry.key) + (entry.value?.length ?? 0);
    }
    const provenance = entry.provenance === null ? 0 : provenanceBytes + 2 * originRecordBytes;
    return recordHeaderBytes + this.#options.interests.topic(entry.topic).bytes.length + entry.body.length + provenance;
  }

  #stateRefusal(entries: readonly Entry[]): 'full' | 'too-large' | null {
    const { state, origins, log } = this.#options;
    let growth = 0;
    let named = 0;
    for (const entry of entries) {
      if (entry.kind === 'state') growth += state.growth(entry.key, entry.value);
      else {
        if (entry.latest === 'set') growth += state.retainedGrowth(entry.topic, entry.body);
        if (entry.provenance !== null) named += 2;
      }
    }
    if (growth > state.limitBytes) return 'too-large';
    if (growth > 0 && !state.fits(growth)) return 'full';
    return named === 0 || origins.hasRoom(named, log.segments[0]?.first ?? 0) ? null : 'full';
  }

  #message(message: NewMessage): void {
    const { committer, interests, state, origins, epoch } = this.#options;
    const { qos, retain, latest, lane, body, topic } = message;
    const provenance = message.provenance === null ? null : this.#store(message.provenance);
    const { stage } = committer;
    const born = Math.max(0, this.#now - Math.round(message.age));
    const known = interests.topic(topic);
    const sequence = stage.add(
      { kind: recordKind.message, qos, retain, latest, lane, born, provenance },
      known.bytes,
      body,
    );
    if (provenance !== null) origins.use(provenance, sequence);
    for (const position of known.positions) if (isFor(position, message.provenance)) stage.matched(position);
    if (latest === 'none') return;
    const kept = {
      sequence,
      epoch,
      topic,
      lane,
      qos,
      retain,
      body: copyOf(body),
      provenance: message.provenance,
      born,
    };
    state.retain(topic, latest === 'set' ? kept : null);
  }

  #change(change: StateChange): void {
    const { committer, state, ringTime } = this.#options;
    const kind = change.value === null ? recordKind.delete : recordKind.put;
    committer.stage.add(plainMeta(kind, ringTime()), Buffer.from(change.key), change.value ?? nothing);
    state.set(change.key, change.value === null ? null : copyOf(change.value));
  }

  #store(provenance: Provenance): StoredProvenance {
    const origin = this.#number(provenance.origin, provenance.epoch);
    const via = this.#number(provenance.via);
    return { origin, via, sequence: provenance.sequence, hopsLeft: provenance.hopsLeft };
  }

  #number(key: Provenance['origin'], epoch?: Epoch): number {
    const { origins, committer, ringTime } = this.#options;
    const { origin, isNew } = origins.number(key, epoch);
    if (isNew) {
      origin.lastUsed = committer.stage.add(plainMeta(recordKind.origin, ringTime()), nothing, encodeOrigin(origin));
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
