import type { Instant, PublicKey } from '#kernel';
import { instant, never } from '#kernel';
import type { MessageId } from '../types.ts';
import type { MessageCounters } from './counters.ts';
import type { MessageOptions } from './options.ts';

/** What one incoming message costs beside its bytes, roughly. */
const messageCostBytes = 512;

/** An incoming message that is not complete, in whatever form it comes. */
export interface Held {
  readonly id: MessageId;
  readonly from: PublicKey;
  readonly lengthBytes: number;
  touchedAt: Instant;
}

/** What one sender has open here. */
class Shelf {
  readonly messages = new Map<MessageId, { readonly message: Held; bytes: number }>();
  announcedBytes = 0;
  heldBytes = 0;
  /** Nothing here can be evicted before. */
  fullUntil: Instant = instant(0);
}

/**
 * Incoming messages that are not complete, bounded in number and bytes, for one sender and for all. What does not fit
 * is refused without a word (the sender tries again), unless something that has rested for `evictAfterMs` can make
 * room: a sender's own bounds are met with its own messages, the bounds for all with those of whoever holds the most.
 */
export class HalfOpen {
  readonly #options: MessageOptions;
  readonly #counters: MessageCounters;
  readonly #shelves = new Map<PublicKey, Shelf>();
  #count = 0;
  #heldBytes = 0;
  #sweepAt: Instant = never;

  constructor(options: MessageOptions, counters: MessageCounters) {
    this.#options = options;
    this.#counters = counters;
  }

  get count(): number {
    return this.#count;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get(from: PublicKey, id: MessageId): Held | undefined {
    return this.#shelves.get(from)?.messages.get(id)?.message;
  }

  /** False: no room. Replaces a message of the same id. */
  open(message: Held, now: Instant): boolean {
    if (this.remove(message.from, message.id)) this.#counters.half_open_replaced++;
    const shelf = this.#shelves.get(message.from) ?? new Shelf();
    if (!this.#makeRoomOnShelf(shelf, message, now) || !this.#makeRoom(shelf, messageCostBytes, 1, now)) return false;
    this.#shelves.set(message.from, shelf);
    shelf.messages.set(message.id, { message, bytes: 0 });
    shelf.announcedBytes += message.lengthBytes;
    this.#count++;
    this.#hold(shelf, message, messageCostBytes);
    this.#sweepAt = instant(Math.min(this.#sweepAt, now + this.#options.forgetAfterMs));
    return true;
  }

  /** Accounts for bytes that `message` is about to hold (or, negative, no longer holds). False: no room. */
  reserve(message: Held, bytes: number, now: Instant): boolean {
    const shelf = this.#shelves.get(message.from);
    if (shelf === undefined) return false;
    if (bytes > 0 && !this.#makeRoom(shelf, bytes, 0, now)) return false;
    // Making room may have taken this very message.
    return this.#hold(shelf, message, bytes);
  }

  remove(from: PublicKey, id: MessageId): boolean {
    const shelf = this.#shelves.get(from);
    const entry = shelf?.messages.get(id);
    if (shelf === undefined || entry === undefined) return false;
    shelf.messages.delete(id);
    shelf.announcedBytes -= entry.message.lengthBytes;
    shelf.heldBytes -= entry.bytes;
    this.#heldBytes -= entry.bytes;
    this.#count--;
    shelf.fullUntil = instant(0);
    if (shelf.messages.size === 0) this.#shelves.delete(from);
    return true;
  }

  /** Forgets what has rested too long. */
  tick(now: Instant): void {
    if (now < this.#sweepAt) return;
    let oldest = never;
    for (const [from, shelf] of this.#shelves) {
      for (const [id, { message }] of shelf.messages) {
        if (now - message.touchedAt < this.#options.forgetAfterMs) {
          oldest = instant(Math.min(oldest, message.touchedAt));
          continue;
        }
        this.remove(from, id);
        this.#counters.half_open_forgotten++;
      }
    }
    this.#sweepAt = instant(oldest + this.#options.forgetAfterMs);
  }

  deadline(): Instant {
    return this.#count === 0 ? never : this.#sweepAt;
  }

  #makeRoomOnShelf(shelf: Shelf, message: Held, now: Instant): boolean {
    const { halfOpenPerSender, maxMessageBytes } = this.#options;
    while (
      shelf.messages.size >= halfOpenPerSender ||
      (shelf.messages.size > 0 && shelf.announcedBytes + message.lengthBytes > maxMessageBytes)
    ) {
      if (!this.#evictFrom(shelf, now)) return false;
    }
    return true;
  }

  #makeRoom(shelf: Shelf, bytes: number, count: number, now: Instant): boolean {
    const { halfOpenCount, halfOpenBytes } = this.#options;
    while (this.#count + count > halfOpenCount || this.#heldBytes + bytes > halfOpenBytes) {
      const largest = this.#largest(shelf, this.#count + count > halfOpenCount);
      if (!this.#evictFrom(largest, now)) return false;
    }
    return true;
  }

  /** Whoever holds the most; the asking one when it holds as much as that. */
  #largest(asking: Shelf, byCount: boolean): Shelf {
    let largest = asking;
    const measure = (shelf: Shelf): number => (byCount ? shelf.messages.size : shelf.heldBytes);
    for (const shelf of this.#shelves.values()) if (measure(shelf) > measure(largest)) largest = shelf;
    return largest;
  }

  #evictFrom(shelf: Shelf, now: Instant): boolean {
    if (now < shelf.fullUntil) return false;
    let oldest: Held | undefined;
    for (const { message } of shelf.messages.values()) {
      if (oldest === undefined || message.touchedAt < oldest.touchedAt) oldest = message;
    }
    if (oldest === undefined) return false;
    const evictableAt = instant(oldest.touchedAt + this.#options.evictAfterMs);
    if (now < evictableAt) {
      shelf.fullUntil = evictableAt;
      return false;
    }
    this.remove(oldest.from, oldest.id);
    this.#counters.half_open_evicted++;
    return true;
  }

  #hold(shelf: Shelf, message: Held, bytes: number): boolean {
    const entry = shelf.messages.get(message.id);
    if (entry === undefined) return false;
    entry.bytes += bytes;
    shelf.heldBytes += bytes;
    this.#heldBytes += bytes;
    return true;
  }
}
