import type { Epoch, PublicKey, Sequence } from '#kernel';
import { epochBytes, epochOf } from './epoch.ts';
import type { StoredProvenance } from './record.ts';
import type { Provenance } from './types.ts';

/** More than a gateway meets in its life; beyond it the number of one that no live record uses is given anew. */
const limit = 16_384;
const noEpoch = '0'.repeat(24) as Epoch;

export interface Origin {
  readonly id: number;
  readonly key: PublicKey;
  readonly epoch: Epoch;
  /** The last record that names it. */
  lastUsed: number;
}

/**
 * Nodes and their boots by number, so that a record names where it came from in 12 bytes and not in 80. A number is
 * written to the log (an `origin` record) in the batch that first uses it.
 */
export class Origins {
  readonly #byId = new Map<number, Origin>();
  /** By key, then by epoch: no string is made per record to look one up. */
  readonly #byName = new Map<PublicKey, Map<Epoch, Origin>>();
  #nextId = 1;

  /** True when that many more fit, if need be by forgetting those that only records before `oldest` name. */
  hasRoom(more: number, oldest: number): boolean {
    if (this.#byId.size + more > limit) this.#prune(oldest);
    return this.#byId.size + more <= limit;
  }

  /** The number of a node's boot (or of a node, without `epoch`), and whether it is new. `hasRoom` was asked before. */
  number(key: PublicKey, epoch: Epoch = noEpoch): { origin: Origin; isNew: boolean } {
    const known = this.#byName.get(key)?.get(epoch);
    if (known !== undefined) return { origin: known, isNew: false };
    while (this.#byId.has(this.#nextId)) this.#nextId = (this.#nextId % 65_535) + 1;
    return { origin: this.define(this.#nextId, key, epoch, 0), isNew: true };
  }

  define(id: number, key: PublicKey, epoch: Epoch, lastUsed: number): Origin {
    const old = this.#byId.get(id);
    if (old !== undefined) this.#forget(old);
    const origin = { id, key, epoch, lastUsed };
    this.#byId.set(id, origin);
    const boots = this.#byName.get(key) ?? new Map<Epoch, Origin>();
    this.#byName.set(key, boots.set(epoch, origin));
    return origin;
  }

  /** Remembers that the record at `sequence` names these. */
  use(stored: StoredProvenance, sequence: number): void {
    const origin = this.#byId.get(stored.origin);
    const via = this.#byId.get(stored.via);
    if (origin !== undefined) origin.lastUsed = sequence;
    if (via !== undefined) via.lastUsed = sequence;
  }

  /** True when the stored provenance names this node as origin or neighbour. */
  names(stored: StoredProvenance, key: PublicKey): boolean {
    return this.#byId.get(stored.origin)?.key === key || this.#byId.get(stored.via)?.key === key;
  }

  /** Null when the table lost the number (a damaged batch held its definition). */
  full(stored: StoredProvenance): Provenance | null {
    const origin = this.#byId.get(stored.origin);
    const via = this.#byId.get(stored.via);
    if (origin === undefined || via === undefined) return null;
    return {
      origin: origin.key,
      epoch: origin.epoch,
      sequence: stored.sequence as Sequence,
      via: via.key,
      hopsLeft: stored.hopsLeft,
    };
  }

  all(): Iterable<Origin> {
    return this.#byId.values();
  }

  #prune(oldest: number): void {
    for (const origin of this.#byId.values()) {
      if (origin.lastUsed < oldest) this.#forget(origin);
    }
  }

  #forget({ id, key, epoch }: Origin): void {
    this.#byId.delete(id);
    const boots = this.#byName.get(key);
    boots?.delete(epoch);
    if (boots?.size === 0) this.#byName.delete(key);
  }
}

/** Body of an `origin` record: number u16, key 32 bytes, epoch 12 bytes (zero: the node itself). */
export function encodeOrigin(origin: Origin): Uint8Array {
  const bytes = Buffer.alloc(46);
  bytes.writeUInt16LE(origin.id, 0);
  bytes.set(Buffer.from(origin.key, 'hex'), 2);
  bytes.set(epochBytes(origin.epoch), 34);
  return bytes;
}

export function decodeOrigin(bytes: Buffer): { id: number; key: PublicKey; epoch: Epoch } | null {
  if (bytes.length !== 46) return null;
  const key = bytes.toString('hex', 2, 34) as PublicKey;
  return { id: bytes.readUInt16LE(0), key, epoch: epochOf(bytes.subarray(34, 46)) };
}
