import { hexOf, type Instant } from '#kernel';
import { frameHeaderBytes, frameType } from '../wire/frame.ts';

/** Bytes kept of one packet: all of a control packet, of a data packet its headers and a little of what is sealed. */
export const keptBytes = 96;
const slots = 1024;

export interface SeenPacket {
  /** 1, 2, 3 … since the node was made. */
  readonly number: number;
  readonly agoMs: number;
  readonly direction: 'in' | 'out';
  readonly peer: string;
  readonly sizeBytes: number;
  /** The first bytes as they were on the wire, in hex; at most `keptBytes`. Never a plaintext. */
  readonly head: string;
  /** What this node knows it to hold, having sealed or opened it: the plaintext's kind. */
  readonly kind: number | null;
}

const unopened = -1;

/** The last packets on all links, in memory that is taken once: a packet costs a copy of its first bytes. */
export class PacketRing {
  readonly #bytes = Buffer.alloc(slots * keptBytes);
  readonly #at = new Float64Array(slots);
  readonly #sizes = new Uint32Array(slots);
  readonly #kinds = new Int16Array(slots);
  readonly #isOut = new Uint8Array(slots);
  /** References to the few texts that links are called by. */
  readonly #peers: string[] = Array.from({ length: slots }, () => '');
  #count = 0;

  get memoryBytes(): number {
    return this.#bytes.length + slots * (8 + 4 + 2 + 1 + 8);
  }

  /** Returns the packet's number. `kind`: see `SeenPacket.kind`. */
  frame(peer: string, isOut: boolean, frame: Uint8Array, kind: number | null, now: Instant): number {
    const slot = this.#begin(peer, isOut, frame.length, kind, now);
    this.#copy(frame, slot * keptBytes, keptBytes);
    return this.#count;
  }

  /** A control packet without its frame header, as it comes out of the framer. */
  control(peer: string, packet: Uint8Array, now: Instant): void {
    const at = this.#begin(peer, false, packet.length + frameHeaderBytes, null, now) * keptBytes;
    this.#bytes.writeUInt32BE(0x0100_0000 + (frameType.control << 16), at);
    this.#copy(packet, at + frameHeaderBytes, keptBytes - frameHeaderBytes);
  }

  /** That packet has been opened. */
  opened(number: number, kind: number): void {
    if (number > this.#count - slots && number <= this.#count) this.#kinds[(number - 1) % slots] = kind;
  }

  /** The latest `limit`, oldest first. */
  last(limit: number, now: Instant): readonly SeenPacket[] {
    const count = Math.min(limit, slots, this.#count);
    return Array.from({ length: count }, (_, index) => this.#seen(this.#count - count + index + 1, now));
  }

  #begin(peer: string, isOut: boolean, size: number, kind: number | null, now: Instant): number {
    const slot = this.#count % slots;
    this.#count++;
    this.#at[slot] = now;
    this.#sizes[slot] = size;
    this.#kinds[slot] = kind ?? unopened;
    this.#isOut[slot] = isOut ? 1 : 0;
    this.#peers[slot] = peer;
    return slot;
  }

  #copy(from: Uint8Array, at: number, room: number): void {
    const count = Math.min(from.length, room);
    for (let index = 0; index < count; index++) this.#bytes[at + index] = from[index] as number;
  }

  #seen(number: number, now: Instant): SeenPacket {
    const slot = (number - 1) % slots;
    const size = this.#sizes[slot] ?? 0;
    const kind = this.#kinds[slot] ?? unopened;
    return {
      number,
      agoMs: now - (this.#at[slot] ?? 0),
      direction: this.#isOut[slot] === 1 ? 'out' : 'in',
      peer: this.#peers[slot] ?? '',
      sizeBytes: size,
      head: hexOf(this.#bytes, slot * keptBytes, slot * keptBytes + Math.min(size, keptBytes)),
      kind: kind === unopened ? null : kind,
    };
  }
}
