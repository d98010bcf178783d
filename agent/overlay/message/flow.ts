import type { Instant, Random } from '#kernel';
import { instant, never } from '#kernel';
import type { MessageCounters } from './counters.ts';
import type { Destination } from './destination.ts';
import type { Outgoing } from './outgoing.ts';
import type { MessageSink } from './sink.ts';
import { Window } from './window.ts';
import { chunkHeaderBytes, chunkPacket, doneBytes, donePacket, headerBytes, initPacket } from './wire.ts';

/** What a message sends next: a chunk by its index, or one of these. */
export const stepInit = -1;
export const stepDone = -2;
const stepNone = -3;

/**
 * What goes out and when it is missed: each destination's queue of messages, its window, the one packet whose round trip is
 * measured, and the instant at which each message is looked at again.
 */
export class Flow {
  readonly #activeLimit: number;
  readonly #sink: MessageSink;
  readonly #random: Random;
  readonly #counters: MessageCounters;
  /** The earliest instant at which some message wants to be looked at, or earlier. */
  wakeAt: Instant = never;

  constructor(activeLimit: number, sink: MessageSink, random: Random, counters: MessageCounters) {
    this.#activeLimit = activeLimit;
    this.#sink = sink;
    this.#random = random;
    this.#counters = counters;
  }

  /** Sends what the window allows, one packet of each message in turn. */
  pump(destination: Destination<Outgoing>, now: Instant): void {
    const { ready } = destination;
    this.#begin(destination);
    for (;;) {
      const message = this.#next(destination);
      if (message === undefined) return;
      const step = message.isFinished ? stepNone : nextStep(message);
      if (step === stepNone) {
        ready.shift(message);
        message.isQueued = false;
        continue;
      }
      if (!this.#mayGo(message, step)) return;
      // The queue is in order before anything is sent: sending may come back here by way of a route that was found.
      if (step >= 0 && ready.count > 1) {
        ready.shift(message);
        ready.push(message);
      }
      this.#transmit(message, step, now);
    }
  }

  /** Whose turn it is; what may not wait does not wait behind one that must. */
  #next({ ready }: Destination<Outgoing>): Outgoing | undefined {
    const message = ready.peek();
    const first = ready.hurried();
    if (message === first || message === undefined || first === undefined || message.isFinished) return message;
    return this.#mayGo(message, nextStep(message)) ? message : first;
  }

  /** Nothing needs to tell when there is room again: what is under way is answered or missed, and both come back here. */
  #mayGo(message: Outgoing, step: number): boolean {
    const { subnet, window } = message.destination;
    if (step === stepNone) return true;
    if (!window.fits(stepBytes(message, step), message.isHurried)) return false;
    return message.isHurried || window.usedBytes < Window.unaskedBytes || this.#sink.hasRoom(subnet);
  }

  #begin(destination: Destination<Outgoing>): void {
    const { waiting } = destination;
    for (;;) {
      const message = waiting.first();
      const limit = message?.isHurried === true ? 2 * this.#activeLimit : this.#activeLimit;
      if (message === undefined || destination.activeCount >= limit) return;
      waiting.shift(message);
      if (message.isFinished) continue;
      message.isActive = true;
      message.isBegun = true;
      destination.activeCount++;
      this.enqueue(message);
    }
  }

  enqueue(message: Outgoing): void {
    if (message.isQueued) return;
    message.isQueued = true;
    message.destination.ready.push(message);
  }

  #transmit(message: Outgoing, step: number, now: Instant): void {
    const { destination } = message;
    const isFirst = destination.timedMessage === null && !message.isRestarted && isFirstTime(message, step);
    const packet = this.#packet(message, step);
    if (isFirst) {
      destination.timedMessage = message;
      destination.timedStep = step;
      destination.timedAt = now;
    }
    this.account(message);
    if (message.retryAt === never) {
      message.retryAt = this.retryAt(message, now);
      this.wakeBy(message.retryAt);
    }
    this.#sink.transmit(message.to, packet);
  }

  #packet(message: Outgoing, step: number): Buffer {
    const { chunks, payload } = message;
    if (step === stepInit) {
      message.initUnderWay = true;
      message.initWasSent = true;
      return initPacket(message, message.isReply, message.lengthBytes, message.topic);
    }
    if (step === stepDone) {
      message.doneUnderWay = true;
      message.doneWasSent = true;
      return donePacket(message, chunks.count, message.hash());
    }
    this.#counters.chunks_sent++;
    message.hashUpTo(chunks.offset(step) + chunks.size(step));
    if (chunks.sent(step)) this.#counters.chunks_resent++;
    return chunkPacket(message, step, chunks.offset(step), chunks.size(step), payload);
  }

  account(message: Outgoing): void {
    const bytes = message.measure();
    const more = bytes - message.underWayBytes;
    message.underWayBytes = bytes;
    if (more > 0) message.destination.window.take(more);
    else if (more < 0) message.destination.window.giveBack(-more);
  }

  /** Karn: only what was sent once is a sample; an answer to something later answers it too. */
  sample(message: Outgoing, step: number, now: Instant): void {
    const { destination } = message;
    if (destination.timedMessage !== message) return;
    const isAnswered = step === stepDone || destination.timedStep === step || destination.timedStep === stepInit;
    if (!isAnswered) return;
    destination.timedMessage = null;
    destination.roundTrip.sample(now - destination.timedAt);
  }

  retryAt(message: Outgoing, now: Instant): Instant {
    const { roundTrip, silences } = message.destination;
    const waits = Math.max(message.silences, Math.min(silences, 4));
    const jitter = waits === 0 ? 1 : 1 + this.#random.fraction() / 8;
    return instant(now + roundTrip.timeoutMs(waits) * jitter);
  }

  wakeBy(at: Instant): void {
    if (at < this.wakeAt) this.wakeAt = at;
  }
}

function nextStep(message: Outgoing): number {
  const { chunks, destination } = message;
  if (message.asking) return message.doneUnderWay ? stepNone : stepDone;
  if (!message.isOpen) {
    if (!message.initUnderWay) return stepInit;
    if (message.stepwise) return stepNone;
  }
  const chunk = chunks.next();
  if (chunk >= 0) return chunk;
  if (message.doneUnderWay) return stepNone;
  if (message.isOpen && chunks.areAllAcked) return stepDone;
  return destination.reacks === 'yes' && !message.stepwise ? stepDone : stepNone;
}

function isFirstTime(message: Outgoing, step: number): boolean {
  if (step === stepInit) return !message.initWasSent;
  return step === stepDone ? !message.doneWasSent : message.chunks.isUnsent(step);
}

function stepBytes(message: Outgoing, step: number): number {
  if (step === stepInit) return message.initPacketBytes;
  if (step === stepDone) return headerBytes + doneBytes;
  return headerBytes + chunkHeaderBytes + message.chunks.size(step);
}
