import type { Address, Instant, Random, Subnet } from '#kernel';
import { after, instant, milliseconds, never } from '#kernel';
import type { MessageId, MessageState, MessageStatus, OutgoingMessage } from '../types.ts';
import type { MessageCounters } from './counters.ts';
import { Destinations } from './destinations.ts';
import { Flow, stepDone, stepInit } from './flow.ts';
import { Ids } from './ids.ts';
import type { MessageOptions } from './options.ts';
import { Outbox } from './outbox.ts';
import { Outgoing } from './outgoing.ts';
import { refuseBadInput } from './refuse.ts';
import type { Load } from './shared.ts';
import type { MessageSink } from './sink.ts';
import {
  barePacket,
  chunkHeaderBytes,
  chunkPacket,
  doneBytes,
  donePacket,
  flag,
  headerBytes,
  readLong,
} from './wire.ts';

/** Waits in vain before … */
const probeAfter = 2;
const parkAfter = 3;
const restartAfter = 4;
/** A far side that did not answer a repeated DONE is asked again after this long. */
const doubtAfter = milliseconds(600_000);

/**
 * The sending half. A message is INIT, chunks, DONE; each is answered. Because links keep order, none of them waits for
 * the answer to the one before ("sent ahead"), with one exception: DONE is sent ahead only where the far side is known
 * to answer the DONE of a message it has already completed. Stock does not, and if the answers to a flight got lost,
 * nothing but a second INIT could tell us more, which stock would deliver as a second message.
 *
 * Rules:
 * - an answer to a chunk or DONE says that INIT arrived; DONE+ACK (with our hash) or READ says that all arrived;
 * - silence after INIT: INIT alone again, and the rest only on its answer (`stepwise`);
 * - silence after a DONE sent ahead: first DONE alone again (`asking`), then INIT;
 * - silence after all chunks are acked: DONE again, then with a chunk as a probe: if the chunk is answered and DONE is not,
 *   the far side has begun anew and gets all chunks again;
 * - INIT again after a DONE only where repeated DONEs are answered, so that a stock node never gets a message twice.
 */
export class Sender {
  readonly #options: MessageOptions;
  readonly #sink: MessageSink;
  readonly #counters: MessageCounters;
  readonly #outbox: Outbox<Outgoing>;
  readonly #destinations: Destinations;
  readonly #flow: Flow;
  readonly #ids: Ids;

  constructor(options: MessageOptions, sink: MessageSink, random: Random, counters: MessageCounters, load: Load) {
    this.#options = options;
    this.#sink = sink;
    this.#ids = new Ids(random);
    this.#counters = counters;
    this.#outbox = new Outbox(options, load);
    this.#destinations = new Destinations(options.destinations);
    this.#flow = new Flow(options.activePerDestination, sink, random, counters);
  }

  get outbox(): Outbox<Outgoing> {
    return this.#outbox;
  }

  /** Null: the outbox is full, or a reply to the same message is still under way. */
  send(message: OutgoingMessage, to: Address, now: Instant): MessageId | null {
    refuseBadInput(message, this.#options.maxMessageBytes);
    const id = message.replyTo ?? this.#ids.next();
    if (!this.#outbox.hasRoom(id, message.payload.length)) {
      this.#counters.messages_refused_outbox_full++;
      return null;
    }
    this.sendAs(id, message, to, now);
    return id;
  }

  /** The same under a given id; room for it has been found. */
  sendAs(id: MessageId, message: OutgoingMessage, to: Address, now: Instant): void {
    this.#counters.messages_sent++;
    this.#begin({ id, message, to, createdAt: now, deadlineAt: this.#deadlineOf(message, now), state: 'pending' }, now);
  }

  /** A message that began in another form goes on in this one, from its beginning. */
  resume(begun: Begun, now: Instant): void {
    this.#begin(begun, now);
  }

  abort(id: MessageId, now: Instant): void {
    const message = this.#outbox.get(id);
    if (message !== undefined && !message.isFinished) this.#giveUp(message, now);
  }

  status(id: MessageId, now: Instant): MessageStatus | undefined {
    return this.#outbox.get(id)?.status(now);
  }

  initAcked(id: MessageId, subnet: Subnet, now: Instant): void {
    const message = this.#answered(id, subnet);
    if (message === undefined || message.isFinished || message.isOpen) return;
    this.#flow.sample(message, stepInit, now);
    this.#progress(message, now);
  }

  chunkAcked(id: MessageId, subnet: Subnet, body: Buffer, now: Instant): void {
    const message = this.#answered(id, subnet);
    if (message === undefined || message.isFinished) return;
    const index = this.#indexOf(message, body);
    const { chunks, destination } = message;
    const news = index < 0 ? 'stray' : chunks.ack(index);
    if (news === 'stray') return;
    if (news === 'again') {
      if (message.isProbing) this.#fillAgain(message, index, now);
      return;
    }
    this.#flow.sample(message, index, now);
    if (chunks.overtaken(index)) {
      message.doneUnderWay = false;
      if (destination.timedMessage === message) destination.timedMessage = null;
      destination.window.lost(now, destination.roundTrip.smoothedMs);
    }
    this.#progress(message, now);
  }

  doneAcked(id: MessageId, subnet: Subnet, body: Buffer, now: Instant): void {
    const message = this.#answered(id, subnet);
    if (message === undefined) return;
    if (message.isFinished) {
      if (message.doneWasAcked) message.destination.reacks = 'yes';
      message.doneWasAcked = true;
      return;
    }
    if (!message.doneWasSent || !isOurDone(message, body)) return;
    message.doneWasAcked = true;
    this.#flow.sample(message, stepDone, now);
    this.#learn(message, now);
    this.#finish(message, 'received', now);
  }

  /** READ: an application has taken it, which says more than DONE+ACK and may come without it. False: it is not known here. */
  read(id: MessageId, subnet: Subnet, now: Instant): boolean {
    const message = this.#answered(id, subnet);
    if (message === undefined) return false;
    if (message.state === 'aborted') return true;
    this.received(id, subnet, now);
    if (message.state === 'received') message.become('read');
    return true;
  }

  /** A reply that is complete says that the message arrived. */
  received(id: MessageId, subnet: Subnet, now: Instant): void {
    const message = this.#outbox.get(id);
    if (message === undefined || message.destination.subnet !== subnet || !message.doneWasSent) return;
    if (!message.isFinished) this.#finish(message, 'received', now);
  }

  /** The way there is open again: what had been waiting in vain is sent now. */
  routeFound(subnet: Subnet, now: Instant): void {
    const destination = this.#destinations.known(subnet);
    if (destination === undefined) return;
    destination.silences = 0;
    for (const message of this.#outbox.unfinished()) {
      if (message.destination !== destination || message.silences === 0) continue;
      message.silences = 0;
      message.retryAt = now;
      this.#flow.wakeBy(now);
    }
    this.tick(now);
  }

  /** A node of ours has been found there. */
  foundOurs(subnet: Subnet): void {
    const destination = this.#destinations.known(subnet);
    if (destination !== undefined) destination.reacks = 'yes';
  }

  tick(now: Instant): void {
    if (now < this.#flow.wakeAt) return;
    this.#flow.wakeAt = never;
    for (const message of this.#outbox.unfinished()) {
      if (message.deadlineAt <= now) this.#giveUp(message, now);
      else if (message.retryAt <= now) this.#silent(message, now);
      if (!message.isFinished) this.#flow.wakeBy(instant(Math.min(message.deadlineAt, message.retryAt)));
    }
  }

  /** No later than the next thing to do; may be too early, never too late. */
  deadline(): Instant {
    return this.#outbox.count === 0 ? never : this.#flow.wakeAt;
  }

  #deadlineOf({ deadlineMs }: OutgoingMessage, now: Instant): Instant {
    return after(now, milliseconds(deadlineMs ?? this.#options.deadlineMs));
  }

  #begin({ id, message, to, createdAt, deadlineAt, state }: Begun, now: Instant): void {
    const destination = this.#destinations.of(to);
    const outgoing = new Outgoing(id, message, to, destination, createdAt, deadlineAt);
    outgoing.state = state;
    if (this.#sink.isOurs?.(to) === true) destination.reacks = 'yes';
    outgoing.stepwise = !(this.#options.sendAhead && destination.takesAhead(now));
    this.#outbox.add(outgoing);
    destination.unfinishedCount++;
    destination.waiting.push(outgoing);
    this.#flow.wakeBy(deadlineAt);
    this.#flow.pump(destination, now);
  }

  #answered(id: MessageId, subnet: Subnet): Outgoing | undefined {
    const message = this.#outbox.get(id);
    if (message === undefined || message.destination.subnet !== subnet) {
      this.#counters.packets_unmatched++;
      return undefined;
    }
    message.destination.silences = 0;
    return message;
  }

  #indexOf(message: Outgoing, body: Buffer): number {
    if (body.length < headerBytes + chunkHeaderBytes) return -1;
    const index = readLong(body, headerBytes);
    const { chunks } = message;
    if (index >= chunks.count || readLong(body, headerBytes + 8) !== chunks.offset(index)) return -1;
    return readLong(body, headerBytes + 16) === chunks.size(index) ? index : -1;
  }

  /** Something came through for the first time. */
  #progress(message: Outgoing, now: Instant): void {
    const { destination } = message;
    if (!message.isActive) {
      message.isActive = true;
      destination.activeCount++;
    }
    if (!message.stepwise && message.chunks.acked > 0) destination.aheadWorked();
    message.isOpen = true;
    message.initUnderWay = false;
    message.asking = false;
    message.silences = 0;
    const before = message.underWayBytes;
    const bytes = message.measure();
    if (bytes < before) destination.window.acked(before - bytes, destination.roundTrip.isQueueing);
    this.#flow.account(message);
    message.retryAt = bytes === 0 ? never : this.#flow.retryAt(message, now);
    this.#flow.wakeBy(message.retryAt);
    this.#flow.enqueue(message);
    this.#flow.pump(destination, now);
    if (!message.isFinished) message.become('sending');
  }

  #silent(message: Outgoing, now: Instant): void {
    const { destination, chunks } = message;
    this.#counters.retry_timeouts++;
    message.silences++;
    message.retryAt = never;
    if (destination.timedMessage === message) destination.timedMessage = null;
    destination.silent(now);
    this.#sink.waitedInVain?.(message.to, destination.silences);
    message.initUnderWay = false;
    message.doneUnderWay = false;
    if (message.isOpen && !message.stepwise && chunks.acked === 0 && chunks.underWay > 0) destination.aheadFailed(now);
    chunks.loseAll();
    this.#flow.account(message);
    if (!message.isOpen) this.#silentBeforeOpen(message);
    else if (message.silences >= restartAfter && (!message.doneWasSent || destination.reacks === 'yes'))
      this.#restart(message);
    else if (chunks.areAllAcked && message.silences >= probeAfter) this.#probe(message);
    this.#flow.enqueue(message);
    this.#flow.pump(destination, now);
    if (message.retryAt === never) message.retryAt = this.#flow.retryAt(message, now);
  }

  #silentBeforeOpen(message: Outgoing): void {
    if (message.doneWasSent && !message.asking) message.asking = true;
    else this.#restart(message);
    if (message.silences !== parkAfter || !message.isActive) return;
    message.isActive = false;
    message.destination.activeCount--;
  }

  #restart(message: Outgoing): void {
    this.#counters.restarts++;
    message.asking = false;
    message.isOpen = false;
    message.isProbing = false;
    message.stepwise = true;
    message.isRestarted = true;
    message.doneWasSent = false;
    message.chunks.forget();
  }

  #probe(message: Outgoing): void {
    if (message.chunks.count === 0) return;
    message.isProbing = true;
    this.#counters.chunks_resent++;
    this.#transmit(message, chunkPacket(message, 0, 0, message.chunks.size(0), message.payload));
  }

  #fillAgain(message: Outgoing, holds: number, now: Instant): void {
    message.isProbing = false;
    message.doneUnderWay = false;
    message.chunks.onlyHolds(holds);
    this.#flow.account(message);
    this.#flow.enqueue(message);
    this.#flow.pump(message.destination, now);
  }

  /** Repeats one DONE to see whether that is answered. What comes after it and is answered first says no. */
  #learn(message: Outgoing, now: Instant): void {
    const { destination } = message;
    if (!this.#options.sendAhead) return;
    if (destination.reacks === 'yes') return;
    if (destination.askedWith !== null) {
      if (message.createdAt <= destination.askedAt) return;
      destination.askedWith = null;
      destination.reacks = 'no';
      destination.doubtAt = after(now, doubtAfter);
    }
    if (destination.reacks === 'no' && now < destination.doubtAt) return;
    destination.reacks = 'unknown';
    destination.askedWith = message;
    destination.askedAt = now;
    this.#sink.transmit(message.to, this.#done(message));
  }

  #done(message: Outgoing): Buffer {
    return donePacket(message, message.chunks.count, message.hash());
  }

  #transmit(message: Outgoing, packet: Buffer): void {
    this.#sink.transmit(message.to, packet);
  }

  #giveUp(message: Outgoing, now: Instant): void {
    this.#counters.messages_aborted++;
    if (message.isBegun) this.#transmit(message, barePacket(message, flag.aborted));
    this.#finish(message, 'aborted', now);
  }

  #finish(message: Outgoing, state: MessageState, now: Instant): void {
    const { destination } = message;
    if (destination.timedMessage === message) destination.timedMessage = null;
    const growth = state === 'aborted' ? 0 : message.underWayBytes;
    if (growth > 0) destination.window.acked(growth, destination.roundTrip.isQueueing);
    destination.window.giveBack(message.underWayBytes);
    message.underWayBytes = 0;
    if (message.isActive) destination.activeCount--;
    message.isActive = false;
    destination.unfinishedCount--;
    this.#outbox.finish(message, now);
    if (state === 'received') this.#counters.messages_acked++;
    message.close();
    message.become(state);
    this.#flow.pump(destination, now);
  }
}

/** A message of ours, before its first packet in this form. */
export interface Begun {
  readonly id: MessageId;
  readonly message: OutgoingMessage;
  readonly to: Address;
  readonly createdAt: Instant;
  readonly deadlineAt: Instant;
  readonly state: MessageState;
}

function isOurDone(message: Outgoing, body: Buffer): boolean {
  if (body.length < headerBytes + doneBytes || readLong(body, headerBytes) !== message.chunks.count) return false;
  return body.subarray(headerBytes + 8, headerBytes + doneBytes).equals(message.hash());
}
