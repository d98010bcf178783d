import { type Address, type Instant, type PublicKey, release } from '#kernel';
import type { MessageId } from '../types.ts';

/** What one stretch costs beside its bytes, roughly. */
export const stretchCostBytes = 96;

interface Stretch {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** The buffer is longer than what is in it by so much at the most. */
const growth = 4;

/**
 * One incoming message that is not complete: its first bytes in one buffer, and the stretches that came behind a hole, in
 * order and without overlap. Memory follows the bytes received.
 */
export class Assembly {
  readonly id: MessageId;
  readonly from: PublicKey;
  readonly tag: number;
  readonly toAddress: Address;
  readonly topic: Uint8Array;
  readonly lengthBytes: number;
  readonly isReply: boolean;
  touchedAt: Instant;
  /** It is complete and is being made durable. */
  isBeingStored = false;
  /** The first bytes, without a hole … */
  #bytes: Uint8Array = new Uint8Array(0);
  /** … so many of them; the buffer may be longer. */
  #joined = 0;
  /** What came behind a hole. */
  readonly #stretches: Stretch[] = [];
  #filled = 0;

  constructor(
    of: { id: MessageId; tag: number; topic: Uint8Array; totalBytes: number; isReply: boolean },
    from: PublicKey,
    toAddress: Address,
    now: Instant,
  ) {
    this.id = of.id;
    this.from = from;
    this.tag = of.tag;
    this.toAddress = toAddress;
    this.topic = Uint8Array.from(of.topic);
    this.lengthBytes = of.totalBytes;
    this.isReply = of.isReply;
    this.touchedAt = now;
  }

  get isFull(): boolean {
    return this.#filled === this.lengthBytes;
  }

  /** Takes what is not there yet; keeps nothing of `bytes` itself. Returns how many bytes are new. */
  add(start: number, bytes: Uint8Array): number {
    const end = start + bytes.length;
    const from = Math.max(start, this.#joined);
    if (from >= end) return 0;
    const fresh = bytes.subarray(from - start);
    if (from > this.#joined || this.#stretches.length > 0) return this.#aside(from, end, fresh);
    this.#append(fresh);
    this.#filled += fresh.length;
    return fresh.length;
  }

  /** All bytes; only when full. */
  join(): Uint8Array {
    return this.#bytes;
  }

  /** It comes behind a hole, or closes one. */
  #aside(from: number, end: number, bytes: Uint8Array): number {
    const before = this.#filled;
    const at = this.#after(from);
    const last = this.#stretches[at - 1];
    const begin = last === undefined ? from : Math.max(from, last.start + last.bytes.length);
    if (at === this.#stretches.length) this.#insert(at, begin, end, from, bytes);
    else this.#fill(at, begin, end, from, bytes);
    let count = 0;
    for (; this.#stretches[count]?.start === this.#joined; count++)
      this.#append((this.#stretches[count] as Stretch).bytes);
    this.#stretches.splice(0, count);
    return this.#filled - before;
  }

  /** Grown in few steps, so that little is copied twice; what is not written to costs no memory. */
  #append(bytes: Uint8Array): void {
    const needed = this.#joined + bytes.length;
    if (needed > this.#bytes.length) {
      const wider = Buffer.allocUnsafeSlow(Math.min(this.lengthBytes, needed * growth));
      wider.set(this.#bytes.subarray(0, this.#joined));
      release(this.#bytes);
      this.#bytes = wider;
    }
    this.#bytes.set(bytes, this.#joined);
    this.#joined = needed;
  }

  /** The first stretch that begins behind `start`. */
  #after(start: number): number {
    let at = this.#stretches.length;
    while (at > 0 && (this.#stretches[at - 1] as Stretch).start > start) at--;
    return at;
  }

  /** Between stretches that are there already. */
  #fill(first: number, from: number, end: number, start: number, bytes: Uint8Array): number {
    let fresh = 0;
    let at = first;
    let begin = from;
    while (begin < end) {
      const next = this.#stretches[at];
      const stop = next === undefined ? end : Math.min(end, next.start);
      if (stop > begin) {
        fresh += this.#insert(at, begin, stop, start, bytes);
        at++;
      }
      if (next === undefined) break;
      begin = Math.max(begin, next.start + next.bytes.length);
      at++;
    }
    return fresh;
  }

  #insert(at: number, from: number, to: number, start: number, bytes: Uint8Array): number {
    if (to <= from) return 0;
    const piece = { start: from, bytes: Uint8Array.from(bytes.subarray(from - start, to - start)) };
    if (at === this.#stretches.length) this.#stretches.push(piece);
    else this.#stretches.splice(at, 0, piece);
    this.#filled += to - from;
    return to - from;
  }
}
