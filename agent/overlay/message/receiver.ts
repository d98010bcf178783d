import type { Address, Instant } from '#kernel';
import type { MessageId, ReceivedMessage } from '../types.ts';
import type { MessageCounters } from './counters.ts';
import type { HalfOpen } from './half-open.ts';
import { Incoming } from './incoming.ts';
import type { MessageOptions } from './options.ts';
import type { Remembered } from './remembered.ts';
import type { Shared } from './shared.ts';
import type { MessageSink, Origin } from './sink.ts';
import type { Unread } from './unread.ts';
import {
  ackPacket,
  barePacket,
  chunkHeaderBytes,
  doneBytes,
  flag,
  headerBytes,
  type Init,
  initBytes,
  readInit,
  readLong,
} from './wire.ts';

/** An answer that is not made before it is known to be wanted: the first `length` bytes of the packet. */
interface HeldAck {
  readonly to: Address;
  readonly body: Buffer;
  readonly length: number;
  readonly message: Incoming;
}

const heldLimit = 256;

/**
 * The receiving half. INIT opens (and replaces) a message, chunks fill it, a right DONE completes it; each is answered.
 * What has been completed before is answered as if it came for the first time, kept nowhere, and not delivered again —
 * but a DONE only if it is the very DONE that completed it: another content under the same id is never acknowledged.
 * Everything else out of place is ignored, as stock does.
 */
export class Receiver {
  readonly #options: MessageOptions;
  readonly #sink: MessageSink;
  readonly #counters: MessageCounters;
  readonly #halfOpen: HalfOpen;
  readonly #remembered: Remembered;
  readonly #unread: Unread;
  readonly #completed: (message: ReceivedMessage) => void;
  #isHolding = false;
  #held: HeldAck[] = [];

  constructor(
    options: MessageOptions,
    sink: MessageSink,
    shared: Shared,
    completed: (message: ReceivedMessage) => void,
  ) {
    this.#options = options;
    this.#sink = sink;
    this.#counters = shared.counters;
    this.#halfOpen = shared.halfOpen;
    this.#remembered = shared.remembered;
    this.#unread = shared.unread;
    this.#completed = completed;
  }

  init(from: Origin, toAddress: Address, id: MessageId, flags: number, body: Buffer, now: Instant): void {
    const init = readInit(body);
    if (init === null) {
      this.#counters.packets_malformed++;
      return;
    }
    const isReply = (flags & flag.reply) !== 0;
    if (this.#remembered.has(from.key, id, isReply)) {
      this.#counters.duplicates_refused++;
      this.#answer(from.address, body, headerBytes + initBytes);
      return;
    }
    if (!this.#isAdmitted(from, init, isReply)) return;
    const topic = Uint8Array.from(init.topic);
    const message = new Incoming(id, from.key, toAddress, topic, init.lengthBytes, isReply, now);
    if (this.#halfOpen.open(message, now)) this.#ack(from.address, body, headerBytes + initBytes, message);
    else this.#counters.inits_no_room++;
  }

  chunk(from: Origin, id: MessageId, body: Buffer, now: Instant): void {
    if (body.length < headerBytes + chunkHeaderBytes) {
      this.#counters.packets_malformed++;
      return;
    }
    const message = this.#open(from, id);
    if (message === undefined) {
      this.#strayChunk(from, id, body);
      return;
    }
    if (this.#take(message, body, now)) this.#ack(from.address, body, headerBytes + chunkHeaderBytes, message);
    else this.#counters.chunks_refused++;
  }

  done(from: Origin, id: MessageId, body: Buffer): void {
    if (body.length < headerBytes + doneBytes) {
      this.#counters.packets_malformed++;
      return;
    }
    const done = body.toString('latin1', headerBytes, headerBytes + doneBytes);
    const message = this.#open(from, id);
    const wasDelivered = message !== undefined && this.#remembered.has(from.key, id, message.isReply);
    if (message !== undefined && !wasDelivered && isRight(message, body)) {
      this.#complete(message, from, body, done);
      return;
    }
    if (this.#remembered.hasDone(from.key, id, done)) {
      if (wasDelivered) this.#halfOpen.remove(from.key, id);
      this.#counters.duplicates_refused++;
      this.#answer(from.address, body, headerBytes + doneBytes);
    } else this.#counters.dones_refused++;
  }

  aborted(from: Origin, id: MessageId): void {
    if (this.#halfOpen.remove(from.key, id)) this.#counters.half_open_aborted++;
  }

  /** Tells the sender that an application has taken the message; once. `from`: for one that came before a restart. */
  markRead(id: MessageId, from?: Address): void {
    const to = this.#unread.take(id) ?? from;
    if (to !== undefined) this.sendRead(id, to);
  }

  sendRead(id: MessageId, to: Address): void {
    this.#sink.transmit(to, barePacket({ idBytes: Buffer.from(id, 'hex') }, flag.read));
  }

  /** From now on answers wait for `release`, and those of a message that is complete by then are left out but for DONE's. */
  hold(): void {
    this.#isHolding = true;
  }

  release(): void {
    this.#isHolding = false;
    if (this.#held.length > 0) this.#flush();
  }

  tick(now: Instant): void {
    this.#halfOpen.tick(now);
  }

  deadline(): Instant {
    return this.#halfOpen.deadline();
  }

  #open(from: Origin, id: MessageId): Incoming | undefined {
    const held = this.#halfOpen.get(from.key, id);
    return held instanceof Incoming ? held : undefined;
  }

  #isAdmitted(from: Origin, { lengthBytes, topic }: Init, isReply: boolean): boolean {
    if (lengthBytes > this.#options.maxMessageBytes) {
      this.#counters.inits_too_large++;
      return false;
    }
    if (this.#sink.admit({ from: from.key, topic, lengthBytes, isReply })) return true;
    this.#counters.inits_not_admitted++;
    return false;
  }

  #take(message: Incoming, body: Buffer, now: Instant): boolean {
    const offset = readLong(body, headerBytes + 8);
    const size = readLong(body, headerBytes + 16);
    const start = headerBytes + chunkHeaderBytes;
    if (body.length < start + size) return false;
    const cost = message.costOf(offset, size);
    if (cost < 0 || !this.#halfOpen.reserve(message, cost, now)) return false;
    message.touchedAt = now;
    if (message.isThere(offset, size)) return true;
    const released = message.add(offset, body.subarray(start, start + size));
    if (released !== 0) this.#halfOpen.reserve(message, -released, now);
    return true;
  }

  #strayChunk(from: Origin, id: MessageId, body: Buffer): void {
    if (!this.#remembered.hasAny(from.key, id)) {
      this.#counters.packets_unmatched++;
      return;
    }
    this.#counters.duplicates_refused++;
    this.#answer(from.address, body, headerBytes + chunkHeaderBytes);
  }

  /** One that is made durable first is answered after that; if that fails, at the next DONE. */
  #complete(message: Incoming, from: Origin, body: Buffer, done: string): void {
    if (message.isBeingStored) return;
    const { id, isReply, toAddress, topic, payload } = message;
    const complete = { id, from: from.key, fromAddress: from.address, toAddress, topic, payload, isReply };
    const stored = this.#sink.store?.(complete) ?? null;
    if (stored === null) {
      this.#finish(message, complete, body, done);
      return;
    }
    message.isBeingStored = true;
    const settled = (isStored: boolean): void => {
      message.isBeingStored = false;
      if (isStored) this.#finish(message, complete, body, done);
      else this.#counters.messages_not_stored++;
    };
    stored.then(settled, () => settled(false));
  }

  #finish(message: Incoming, complete: ReceivedMessage, body: Buffer, done: string): void {
    const { id, from, fromAddress, isReply, payload } = complete;
    message.isComplete = true;
    this.#halfOpen.remove(from, id);
    // The sender began anew while the first copy was being stored.
    if (this.#remembered.has(from, id, isReply)) return;
    this.#remembered.add(from, id, isReply, done);
    this.#unread.add(id, fromAddress);
    this.#counters.messages_received++;
    this.#counters.messages_received_bytes += payload.length;
    this.#answer(fromAddress, body, headerBytes + doneBytes);
    this.#completed(complete);
  }

  #ack(to: Address, body: Buffer, length: number, message: Incoming): void {
    if (!this.#isHolding) {
      this.#answer(to, body, length);
      return;
    }
    this.#held.push({ to, body, length, message });
    if (this.#held.length >= heldLimit) this.#flush();
  }

  #flush(): void {
    const held = this.#held;
    this.#held = [];
    for (const { to, body, length, message } of held) {
      if (!message.isComplete) this.#answer(to, body, length);
    }
  }

  #answer(to: Address, body: Buffer, length: number): void {
    this.#sink.transmit(to, ackPacket(body, length));
  }
}

function isRight(message: Incoming, body: Buffer): boolean {
  if (!message.isFull || readLong(body, headerBytes) !== message.chunkCount) return false;
  return body.subarray(headerBytes + 8, headerBytes + doneBytes).equals(message.hash());
}
