import type { Instant } from '#kernel';
import type { Letter } from './letter.ts';
import type { Spans } from './spans.ts';

/** A stretch of a message in a packet; of an attempt that may be over by now. */
export interface Piece {
  readonly letter: Letter;
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** A packet that wants an acknowledgement and has not had it. */
export interface SentPacket {
  readonly number: number;
  readonly at: Instant;
  readonly bytes: number;
  readonly pieces: readonly Piece[];
  /** Frames that go again when it is lost. */
  readonly controls: readonly Uint8Array[];
  /** Longer than the path is known to carry. */
  readonly isProbe: boolean;
}

/** RFC 9002 §6.1.1. Links keep order; only a change of route overtakes. */
const overtakenBy = 3;

/** The packets under way of one session, by number; numbers are never used again (RFC 9002 §2). */
export class SentPackets {
  #packets: (SentPacket | undefined)[] = [];
  /** The number of the first in `#packets`. */
  #base = 0;
  #first = 0;
  #count = 0;
  #largestAcked = -1;

  get count(): number {
    return this.#count;
  }

  add(packet: SentPacket): void {
    if (this.#count === 0) {
      this.#packets.length = 0;
      this.#base = packet.number;
      this.#first = 0;
    }
    this.#packets[packet.number - this.#base] = packet;
    this.#count++;
  }

  oldest(): SentPacket | undefined {
    this.#skip();
    return this.#packets[this.#first];
  }

  /** It is no longer under way. */
  take(packet: SentPacket): void {
    this.#remove(packet);
    this.#skip();
  }

  hasLong(bytes: number): boolean {
    return this.#packets.some((packet) => packet !== undefined && packet.bytes > bytes);
  }

  /** Those of `numbers`, which are no longer under way. */
  acked(numbers: Spans): SentPacket[] {
    const acked: SentPacket[] = [];
    for (let index = 0; index < numbers.count; index++) {
      const from = Math.max(numbers.start(index), this.#base + this.#first);
      const to = Math.min(numbers.end(index), this.#base + this.#packets.length);
      for (let number = from; number < to; number++) {
        const packet = this.#packets[number - this.#base];
        if (packet === undefined) continue;
        this.#remove(packet);
        acked.push(packet);
      }
      this.#largestAcked = Math.max(this.#largestAcked, numbers.end(index) - 1);
    }
    this.#skip();
    return acked;
  }

  /** Those that a later one has overtaken by three, or by `overtakenMs`; no longer under way. */
  overtaken(overtakenMs: number, now: Instant): SentPacket[] {
    const lost: SentPacket[] = [];
    for (let index = this.#first; index < this.#packets.length; index++) {
      const packet = this.#packets[index];
      if (packet === undefined) continue;
      if (packet.number > this.#largestAcked) break;
      if (packet.number > this.#largestAcked - overtakenBy && now < packet.at + overtakenMs) continue;
      this.#remove(packet);
      lost.push(packet);
    }
    this.#skip();
    return lost;
  }

  /** When the oldest that has been overtaken counts as lost, if there is one. */
  overtakenAt(overtakenMs: number): number {
    const oldest = this.oldest();
    return oldest === undefined || oldest.number > this.#largestAcked
      ? Number.POSITIVE_INFINITY
      : oldest.at + overtakenMs;
  }

  /** All of them; none is under way any more. */
  takeAll(): SentPacket[] {
    const all = this.#packets.filter((packet) => packet !== undefined);
    this.#packets = [];
    this.#first = 0;
    this.#count = 0;
    return all;
  }

  #remove(packet: SentPacket): void {
    this.#packets[packet.number - this.#base] = undefined;
    this.#count--;
  }

  #skip(): void {
    while (this.#first < this.#packets.length && this.#packets[this.#first] === undefined) this.#first++;
    if (this.#first < 256 || this.#first * 2 < this.#packets.length) return;
    this.#packets = this.#packets.slice(this.#first);
    this.#base += this.#first;
    this.#first = 0;
  }
}
