import { blake3 } from '#crypto';
import type { Address, Instant } from '#kernel';
import type { MessageOptions } from '../message/options.ts';
import { anyDone } from '../message/remembered.ts';
import type { Shared } from '../message/shared.ts';
import type { Origin } from '../message/sink.ts';
import { chunkCountOf, donePacket, headerBytes } from '../message/wire.ts';
import type { MessageId, ReceivedMessage } from '../types.ts';
import { Assembly, stretchCostBytes } from './assembly.ts';
import type { PathCounters } from './counters.ts';
import type { PathSink } from './sink.ts';
import { type Part, stateCode } from './wire.ts';

/** Tells the sender what has become of the attempt of that tag; also later, when something was made durable. */
export type Answer = (code: number, tag: number) => void;

/**
 * The receiving half: parts become messages. What is not admitted or has no place is kept nowhere and refused; a complete
 * message is handed on once, whatever form its copies come in, and its sender is told only then.
 */
export class Intake {
  readonly #options: MessageOptions;
  readonly #shared: Shared;
  readonly #sink: PathSink;
  readonly #counters: PathCounters;

  constructor(options: MessageOptions, shared: Shared, sink: PathSink, counters: PathCounters) {
    this.#options = options;
    this.#shared = shared;
    this.#sink = sink;
    this.#counters = counters;
  }

  part(part: Part, from: Origin, toAddress: Address, now: Instant, answer: Answer): void {
    const { remembered, counters } = this.#shared;
    const { id, tag, isReply, data, totalBytes } = part;
    if (!isReply && remembered.has(from.key, id, false)) {
      counters.duplicates_refused++;
      answer(stateCode.taken, tag);
      return;
    }
    const open = this.#open(from, id, tag);
    if (open === null && !this.#isAdmitted(part, from)) {
      this.#counters.path_messages_refused++;
      answer(stateCode.refused, tag);
    } else if (open === null && data.length === totalBytes) {
      const message = new Assembly(part, from.key, toAddress, now);
      this.#complete(message, Uint8Array.from(data), from, now, answer);
    } else this.#gather(open, part, from, toAddress, now, answer);
  }

  /** What has become of that attempt? */
  ask(tag: number, id: MessageId, isReply: boolean, from: Origin, answer: Answer): void {
    if (!isReply && this.#shared.remembered.has(from.key, id, false)) return answer(stateCode.taken, tag);
    const isWaiting = this.#open(from, id, tag)?.isBeingStored === true;
    answer(isWaiting ? stateCode.waiting : stateCode.missing, tag);
  }

  abort(id: MessageId, from: Origin): void {
    if (this.#shared.halfOpen.remove(from.key, id)) this.#shared.counters.half_open_aborted++;
  }

  #open(from: Pick<Origin, 'key'>, id: MessageId, tag: number): Assembly | null {
    const held = this.#shared.halfOpen.get(from.key, id);
    return held instanceof Assembly && held.tag === tag ? held : null;
  }

  #isAdmitted({ totalBytes: lengthBytes, topic, isReply }: Part, from: Origin): boolean {
    const { counters } = this.#shared;
    if (lengthBytes > this.#options.maxMessageBytes) {
      counters.inits_too_large++;
      return false;
    }
    if (this.#sink.admit({ from: from.key, topic, lengthBytes, isReply })) return true;
    counters.inits_not_admitted++;
    return false;
  }

  #gather(open: Assembly | null, part: Part, from: Origin, toAddress: Address, now: Instant, answer: Answer): void {
    const { halfOpen, counters } = this.#shared;
    const message = open ?? new Assembly(part, from.key, toAddress, now);
    if (open === null && !halfOpen.open(message, now)) {
      counters.inits_no_room++;
      return answer(stateCode.refused, part.tag);
    }
    if (message.isBeingStored || message.lengthBytes !== part.totalBytes || message.isReply !== part.isReply) return;
    const cost = part.data.length + stretchCostBytes;
    if (!halfOpen.reserve(message, cost, now)) {
      halfOpen.remove(from.key, part.id);
      counters.inits_no_room++;
      return answer(stateCode.refused, part.tag);
    }
    message.touchedAt = now;
    const fresh = message.add(part.offset, part.data);
    halfOpen.reserve(message, fresh === 0 ? -cost : fresh - part.data.length, now);
    if (message.isFull) this.#complete(message, message.join(), from, now, answer);
  }

  #complete(message: Assembly, payload: Uint8Array, from: Origin, now: Instant, answer: Answer): void {
    const { id, toAddress, topic, isReply } = message;
    const { key, address: fromAddress } = from;
    const complete = { id, from: key, fromAddress, toAddress, topic, payload, isReply };
    const stored = this.#sink.store?.(complete) ?? null;
    if (stored === null) {
      this.#shared.halfOpen.remove(key, id);
      this.#deliver(complete, message.tag, answer);
      return;
    }
    this.#waits(message, payload, now);
    const settled = (isStored: boolean): void => {
      if (this.#open(from, id, message.tag) === message) this.#shared.halfOpen.remove(key, id);
      if (isStored) this.#deliver(complete, message.tag, answer);
      else {
        this.#shared.counters.messages_not_stored++;
        answer(stateCode.refused, message.tag);
      }
    };
    stored.then(settled, () => settled(false));
  }

  /** It counts among what is held, if there is room: what stores it has it already. */
  #waits(message: Assembly, payload: Uint8Array, now: Instant): void {
    const { halfOpen } = this.#shared;
    message.isBeingStored = true;
    if (this.#open({ key: message.from }, message.id, message.tag) === message) return;
    if (halfOpen.open(message, now)) halfOpen.reserve(message, payload.length, now);
  }

  #deliver(message: ReceivedMessage, tag: number, answer: Answer): void {
    const { remembered, unread, counters } = this.#shared;
    const { id, from, isReply, payload } = message;
    const done = isReply ? doneOf(payload) : anyDone;
    if (remembered.has(from, id, isReply)) {
      counters.duplicates_refused++;
      answer(remembered.hasDone(from, id, done) ? stateCode.taken : stateCode.conflict, tag);
      return;
    }
    remembered.add(from, id, isReply, done);
    unread.add(id, message.fromAddress);
    counters.messages_received++;
    counters.messages_received_bytes += payload.length;
    this.#counters.path_messages_received++;
    answer(stateCode.taken, tag);
    this.#sink.received(message);
  }
}

const noId = { idBytes: new Uint8Array(8) };

/** The body that the DONE of this payload would have, as latin-1 text. */
function doneOf(payload: Uint8Array): string {
  return donePacket(noId, chunkCountOf(payload.length), blake3(payload)).toString('latin1', headerBytes);
}
