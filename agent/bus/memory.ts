import { constant, hex, isRefusal, layout, sizedBy, u8, u16, u64 } from '#codec';
import type { Epoch, PublicKey, Sequence } from '#kernel';
import { sequence } from '#kernel';
import type { Lane, StateChange } from '#ring';
import type { Met } from './acquaintance.ts';
import { neverMet } from './acquaintance.ts';
import type { Position } from './position.ts';
import { noEpoch } from './position.ts';

/** Epochs remembered of each stream, the last used ones. */
export const epochLimit = 64;

export const memoryPrefix = 'bus/in/';
const keyOf = (from: PublicKey, lane: Lane): string => `${memoryPrefix}${from}/${lane}`;

/** What is known of a stream that comes in; in the ring as `bus/in/<sender>/<lane>`. 61 bytes. */
const memoryLayout = layout('bus.memory', {
  version: constant(u8, 1),
  epoch: hex<Epoch>(12),
  sequence: u64,
  ordinal: u64,
  stored: u64,
  duplicates: u64,
  refused: u64,
  lost: u64,
});

/** `bus/in/<sender>/<lane>/met` */
const metLayout = layout('bus.memory.met', { version: constant(u8, 1), theirs: hex<Epoch>(12), ours: hex<Epoch>(12) });

/** The highest sequences of the epochs before the present one, the last used last; `bus/in/<sender>/<lane>/epochs`. */
const epochsLayout = layout('bus.memory.epochs', {
  version: constant(u8, 1),
  count: u16,
  epochs: sizedBy('count', (count) => count * epochBytes),
});
const epochLayout = layout('bus.memory.epoch', { epoch: hex<Epoch>(12), sequence: u64 });
const epochBytes = 20;

/**
 * What a receiver knows of one stream: its place, the highest sequence of each of the last epochs, and counts.
 * It changes together with the records it speaks of: `changes` go into the same append as they.
 */
export class StreamMemory {
  place: Position = { epoch: noEpoch, sequence: sequence(0), ordinal: 0 };
  stored = 0;
  duplicates = 0;
  refused = 0;
  lost = 0;
  /** The present epoch is last. */
  readonly #highest = new Map<Epoch, Sequence>();
  readonly #from: PublicKey;
  readonly #lane: Lane;
  #epochsChanged = false;
  #met = neverMet;
  #metChanged = false;

  constructor(from: PublicKey, lane: Lane) {
    this.#from = from;
    this.#lane = lane;
  }

  /** What the ring kept, if it did. A value that does not decode counts as none. */
  load(state: (key: string) => Uint8Array | undefined): void {
    const key = keyOf(this.#from, this.#lane);
    const epochs = epochsLayout.decode(state(`${key}/epochs`) ?? new Uint8Array(0));
    const kept = memoryLayout.decode(state(key) ?? new Uint8Array(0));
    const met = metLayout.decode(state(`${key}/met`) ?? new Uint8Array(0));
    if (!isRefusal(met)) this.#met = met;
    if (!isRefusal(epochs)) this.#loadEpochs(epochs.epochs);
    if (isRefusal(kept)) return;
    this.place = { epoch: kept.epoch, sequence: sequence(kept.sequence), ordinal: kept.ordinal };
    this.stored = kept.stored;
    this.duplicates = kept.duplicates;
    this.refused = kept.refused;
    this.lost = kept.lost;
    this.#highest.delete(kept.epoch);
    if (kept.epoch !== noEpoch) this.#highest.set(kept.epoch, this.place.sequence);
  }

  /** The lives in which the two ends last met. */
  get met(): Met {
    return this.#met;
  }

  set met(met: Met) {
    if (met.theirs === this.#met.theirs && met.ours === this.#met.ours) return;
    this.#met = met;
    this.#metChanged = true;
  }

  /** The highest sequence of this epoch that was taken, refused or lost; 0 if none. */
  highest(epoch: Epoch): number {
    return this.#highest.get(epoch) ?? 0;
  }

  covers(place: Position): boolean {
    return place.sequence === 0 || this.highest(place.epoch) >= place.sequence;
  }

  advance(place: Position): void {
    if (place.epoch !== this.place.epoch) {
      this.#epochsChanged = true;
      const before = this.#highest.get(place.epoch);
      this.#highest.delete(place.epoch);
      this.#highest.set(place.epoch, before ?? place.sequence);
      this.#forget();
    }
    if (this.highest(place.epoch) < place.sequence) this.#highest.set(place.epoch, place.sequence);
    this.place = { ...place, sequence: sequence(this.highest(place.epoch)) };
  }

  /** State entries that make the present knowledge durable. */
  changes(): StateChange[] {
    const key = keyOf(this.#from, this.#lane);
    const { stored, duplicates, refused, lost } = this;
    const value = memoryLayout.encode({ ...this.place, stored, duplicates, refused, lost });
    const changes: StateChange[] = [{ kind: 'state', key, value }];
    if (this.#epochsChanged) changes.push({ kind: 'state', key: `${key}/epochs`, value: this.#saveEpochs() });
    if (this.#metChanged) changes.push({ kind: 'state', key: `${key}/met`, value: metLayout.encode(this.#met) });
    return changes;
  }

  /** The changes have been appended. */
  saved(): void {
    this.#epochsChanged = false;
    this.#metChanged = false;
  }

  /** A copy to work on, taken over by `become` once its changes have been appended. */
  draft(): StreamMemory {
    const copy = new StreamMemory(this.#from, this.#lane);
    copy.become(this);
    return copy;
  }

  become(other: StreamMemory): void {
    this.place = other.place;
    this.stored = other.stored;
    this.duplicates = other.duplicates;
    this.refused = other.refused;
    this.lost = other.lost;
    this.#epochsChanged = other.#epochsChanged;
    this.#met = other.#met;
    this.#metChanged = other.#metChanged;
    this.#highest.clear();
    for (const [epoch, highest] of other.#highest) this.#highest.set(epoch, highest);
  }

  #forget(): void {
    if (this.#highest.size <= epochLimit) return;
    const oldest = this.#highest.keys().next();
    if (oldest.done !== true) this.#highest.delete(oldest.value);
  }

  #loadEpochs(bytes: Uint8Array): void {
    for (let at = 0; at + epochBytes <= bytes.length; at += epochBytes) {
      const one = epochLayout.decode(bytes.subarray(at, at + epochBytes));
      if (!isRefusal(one)) this.#highest.set(one.epoch, sequence(one.sequence));
    }
  }

  #saveEpochs(): Uint8Array {
    const epochs = Buffer.allocUnsafe(this.#highest.size * epochBytes);
    let at = 0;
    for (const [epoch, highest] of this.#highest) at = epochLayout.encodeInto({ epoch, sequence: highest }, epochs, at);
    return epochsLayout.encode({ count: this.#highest.size, epochs });
  }
}

/** The streams that the ring knows of, from the keys of its states. */
export function knownStreams(keys: Iterable<string>): { readonly from: PublicKey; readonly lane: Lane }[] {
  const pattern = /^bus\/in\/([0-9a-f]{64})\/([012])$/;
  const found: { from: PublicKey; lane: Lane }[] = [];
  for (const key of keys) {
    const match = pattern.exec(key);
    if (match?.[1] !== undefined) found.push({ from: match[1] as PublicKey, lane: Number(match[2]) as Lane });
  }
  return found;
}
