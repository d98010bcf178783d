import type { Instant, Subnet } from '#kernel';
import { since } from '#kernel';
import type { PeerId } from './router/types.ts';
import type { DataFrame } from './wire/data.ts';

const packetsKept = 1024;
const keptMs = 30_000;
/** The end of a sealed packet: part of its tag, and its nonce, which is random. */
const wordsKept = 4;
const markBytes = wordsKept * 4;

/**
 * The last packets that this node has sent for itself, so that a word about one of them can be told from a guess: who
 * quotes it has seen it, and it was sent lately. A ring without allocation, as every packet passes here.
 */
export class RecentPackets {
  readonly #marks = new Uint32Array(packetsKept * wordsKept);
  readonly #at = new Float64Array(packetsKept).fill(Number.NEGATIVE_INFINITY);
  readonly #hops = new Array<PeerId>(packetsKept);
  readonly #subnets = new Array<Subnet>(packetsKept);
  #next = 0;

  sent({ bytes }: DataFrame, subnet: Subnet, hop: PeerId, now: Instant): void {
    const slot = this.#next;
    this.#next = (slot + 1) % packetsKept;
    for (let word = 0; word < wordsKept; word++)
      this.#marks[slot * wordsKept + word] = bytes.readUInt32LE(bytes.length - markBytes + word * 4);
    this.#at[slot] = now;
    this.#hops[slot] = hop;
    this.#subnets[slot] = subnet;
  }

  /** The neighbour by which this sealed packet was sent there; null: it was not, or too long ago. */
  hopOf(payload: Uint8Array, subnet: Subnet, now: Instant): PeerId | null {
    if (payload.length < markBytes) return null;
    const end = Buffer.from(payload.subarray(payload.length - markBytes));
    for (let slot = 0; slot < packetsKept; slot++) {
      if (this.#marks[slot * wordsKept] !== end.readUInt32LE(0) || !this.#isMark(slot, end)) continue;
      const isIt = this.#subnets[slot] === subnet && since((this.#at[slot] ?? 0) as Instant, now) < keptMs;
      return isIt ? (this.#hops[slot] ?? null) : null;
    }
    return null;
  }

  #isMark(slot: number, end: Buffer): boolean {
    for (let word = 1; word < wordsKept; word++)
      if (this.#marks[slot * wordsKept + word] !== end.readUInt32LE(word * 4)) return false;
    return true;
  }
}
