import { blake3 } from '#crypto';
import type { Address, Instant, PublicKey } from '#kernel';
import type { MessageId } from '../types.ts';
import { hashStepBytes, RunningHash } from './running-hash.ts';

const earlyCostBytes = 128;
/** Chunks that may wait behind a hole. */
const earlyLimit = 1024;

/**
 * One incoming message that is not complete. Memory follows the bytes received: the buffer at most doubles, and never
 * beyond the length announced. Chunks behind a hole wait aside, bounded in number.
 */
export class Incoming {
  readonly id: MessageId;
  readonly from: PublicKey;
  readonly toAddress: Address;
  readonly topic: Uint8Array;
  readonly lengthBytes: number;
  readonly isReply: boolean;
  touchedAt: Instant;
  isComplete = false;
  /** It is complete and is being made durable: nobody else is asked to meanwhile. */
  isBeingStored = false;
  #buffer: Uint8Array = new Uint8Array(0);
  #filled = 0;
  #chunkCount = 0;
  readonly #early = new Map<number, Uint8Array>();
  /** Only of a long one. */
  readonly #running: RunningHash | null;
  #hash: Uint8Array | null = null;

  constructor(
    id: MessageId,
    from: PublicKey,
    toAddress: Address,
    topic: Uint8Array,
    lengthBytes: number,
    isReply: boolean,
    now: Instant,
  ) {
    this.id = id;
    this.from = from;
    this.toAddress = toAddress;
    this.topic = topic;
    this.lengthBytes = lengthBytes;
    this.#running = lengthBytes > hashStepBytes ? new RunningHash() : null;
    this.isReply = isReply;
    this.touchedAt = now;
  }

  get chunkCount(): number {
    return this.#chunkCount;
  }

  get isFull(): boolean {
    return this.#filled === this.lengthBytes;
  }

  /** All bytes, in order; only when full. */
  get payload(): Uint8Array {
    return this.#buffer;
  }

  isThere(offset: number, size: number): boolean {
    return offset + size <= this.#filled || this.#early.has(offset);
  }

  /** What taking this chunk would cost, which may be nothing; -1 when it cannot be right or has no place. */
  costOf(offset: number, size: number): number {
    if (size === 0 || offset + size > this.lengthBytes) return -1;
    if (offset + size <= this.#filled) return 0;
    if (offset < this.#filled) return -1;
    if (offset === this.#filled) return this.#capacityFor(offset + size) - this.#buffer.length;
    const early = this.#early.get(offset);
    if (early !== undefined) return early.length === size ? 0 : -1;
    return this.#early.size < earlyLimit ? size + earlyCostBytes : -1;
  }

  /** Takes a chunk that has a cost and is not there. Returns the bytes that are not held any more. */
  add(offset: number, bytes: Uint8Array): number {
    if (offset > this.#filled) {
      this.#early.set(offset, Uint8Array.from(bytes));
      this.#chunkCount++;
      return 0;
    }
    this.#append(bytes);
    this.#chunkCount++;
    let released = 0;
    for (let next = this.#early.get(this.#filled); next !== undefined; next = this.#early.get(this.#filled)) {
      const before = this.#buffer.length;
      this.#early.delete(this.#filled);
      this.#append(next);
      released += next.length + earlyCostBytes - (this.#buffer.length - before);
    }
    return released;
  }

  /** BLAKE3-256 of the payload; only when full. */
  hash(): Uint8Array {
    this.#hash ??= this.#running?.of(this.#buffer) ?? blake3(this.#buffer);
    return this.#hash;
  }

  #append(bytes: Uint8Array): void {
    const capacity = this.#capacityFor(this.#filled + bytes.length);
    if (capacity > this.#buffer.length) {
      const wider = new Uint8Array(capacity);
      wider.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = wider;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
    this.#running?.reached(this.#buffer, this.#filled);
  }

  #capacityFor(needed: number): number {
    if (needed <= this.#buffer.length) return this.#buffer.length;
    return Math.min(this.lengthBytes, Math.max(needed, 2 * this.#buffer.length));
  }
}
