import type { Address, Instant, PublicKey } from '#kernel';
import type { MessageId } from '../types.ts';

/** What one stretch costs beside its bytes, roughly. */
export const stretchCostBytes = 96;

interface Stretch {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * One incoming message that is not complete: the stretches that have come, in order and without overlap. Memory follows the
 * bytes received; they are joined once, at the end.
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

  /** Takes what is not there yet; keeps `bytes` itself. Returns how many bytes are new. */
  add(start: number, bytes: Uint8Array): number {
    const end = start + bytes.length;
    const at = this.#after(start);
    const before = this.#stretches[at - 1];
    const from = before === undefined ? start : Math.max(start, before.start + before.bytes.length);
    if (at === this.#stretches.length) return this.#insert(at, from, end, start, bytes);
    return this.#fill(at, from, end, start, bytes);
  }

  /** All bytes; only when full. */
  join(): Uint8Array {
    const [first] = this.#stretches;
    if (this.#stretches.length === 1 && first !== undefined) return first.bytes;
    const whole = Buffer.allocUnsafeSlow(this.lengthBytes);
    for (const { start, bytes } of this.#stretches) whole.set(bytes, start);
    return whole;
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
    const piece = { start: from, bytes: bytes.subarray(from - start, to - start) };
    if (at === this.#stretches.length) this.#stretches.push(piece);
    else this.#stretches.splice(at, 0, piece);
    this.#filled += to - from;
    return to - from;
  }
}
