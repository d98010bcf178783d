import type { Instant } from '#kernel';
import { instant } from '#kernel';

const packetBytes = 1336;

/**
 * Bytes under way to one destination: slow start, then one packet a round trip; half after a loss, two packets after
 * silence. Grows only while it is what holds the sender back and, beyond 64 packets,
 * while the path holds no queue.
 */
export class Window {
  static readonly startBytes = 16 * packetBytes;
  static readonly leastBytes = 2 * packetBytes;
  /** A slow far side looks like a queue too: up to this much the window grows all the same. */
  static readonly queueingBytes = 64 * packetBytes;
  static readonly mostBytes = 1024 * 1024;
  /** Short urgent messages go beyond the window by so much. */
  static readonly hurriedBytes = 4 * packetBytes;
  /** With less under way nobody asks whether the link has room. */
  static readonly unaskedBytes = 32 * packetBytes;

  #limitBytes = Window.startBytes;
  #slowStartBelow = Window.mostBytes;
  #usedBytes = 0;
  #cutUntil = instant(0);

  get limitBytes(): number {
    return this.#limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** One packet always goes when nothing is under way. */
  fits(bytes: number, isHurried = false): boolean {
    const limit = isHurried ? this.#limitBytes + Window.hurriedBytes : this.#limitBytes;
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= limit;
  }

  take(bytes: number): void {
    this.#usedBytes += bytes;
  }

  /** No longer under way: acked, lost or given up. */
  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  /** Called with the bytes of an ack before they are given back. */
  acked(bytes: number, isQueueing: boolean): void {
    if (this.#usedBytes * 2 < this.#limitBytes) return;
    if (isQueueing && this.#limitBytes >= Window.queueingBytes) return;
    const growth = this.#limitBytes < this.#slowStartBelow ? bytes : (bytes * packetBytes) / this.#limitBytes;
    this.#limitBytes = Math.min(Window.mostBytes, this.#limitBytes + growth);
  }

  /** A packet was overtaken. At most one cut a round trip. */
  lost(now: Instant, roundTripMs: number): void {
    this.#cut(now, roundTripMs, this.#limitBytes / 2);
  }

  /** Nothing came back in time. */
  silent(now: Instant, roundTripMs: number): void {
    this.#cut(now, roundTripMs, Window.leastBytes);
  }

  #cut(now: Instant, roundTripMs: number, to: number): void {
    if (now < this.#cutUntil) return;
    this.#cutUntil = instant(now + roundTripMs);
    this.#slowStartBelow = Math.max(this.#limitBytes / 2, 4 * packetBytes);
    this.#limitBytes = Math.max(Window.leastBytes, to);
  }
}
