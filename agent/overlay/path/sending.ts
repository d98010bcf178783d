import type { Instant } from '#kernel';
import { instant, never } from '#kernel';
import type { PathCounters } from './counters.ts';
import type { Far } from './far.ts';
import type { Letter } from './letter.ts';
import type { PathOptions } from './options.ts';
import { baseBytes, longestBytes } from './packet-size.ts';
import type { Piece } from './sent.ts';
import type { Session } from './session.ts';
import type { PathSink } from './sink.ts';
import { Window } from './window.ts';
import {
  ackBytes,
  fragmentHeadBytes,
  headBytes,
  messageFlag,
  stateBytes,
  wholeHeadBytes,
  writeAck,
  writeFragmentHead,
  writeHead,
  writeState,
  writeWholeHead,
} from './wire.ts';

/** Data of so many bytes is sealed where it lies, as the last of its packet. */
const tailFromBytes = 2048;
/** What is left of a packet is not filled with less of a message. */
const leastPieceBytes = 256;
/** A window holds so many packets, so that one lost or late is not all. */
const packetsInWindow = 8;
/** Where short urgent messages pass, no packet of others takes the path for longer, as far as its rate is known. */
const hurriedPacketMs = 5;
const leastHurriedBytes = 600;
/** So often in a window patient messages ask for an acknowledgement at once, when there are so many. */
const asksInWindow = 16;
const burstMs = 10;
const paceGain = 1.25;

const nothing: readonly never[] = [];

/**
 * Puts packets together: an acknowledgement that is due, what is to be said about messages, and as much of the messages,
 * in turn, as window, pace and link allow. One packet buffer for all: nothing is allocated but what is remembered.
 */
export class Sending {
  readonly #options: PathOptions;
  readonly #sink: PathSink;
  readonly #counters: PathCounters;
  /** Those that have more to send than their link takes now. */
  readonly waiting = new Set<Far>();
  readonly #head = Buffer.alloc(longestBytes);
  #at = 0;
  #tail: Uint8Array | null = null;
  #pieces: Piece[] = [];

  constructor(options: PathOptions, sink: PathSink, counters: PathCounters) {
    this.#options = options;
    this.#sink = sink;
    this.#counters = counters;
  }

  /** Sends all that may go now. */
  pump(far: Far, now: Instant): void {
    const { session } = far;
    if (session === null) return;
    far.paceAt = never;
    far.window.isHurried = far.isHurried(now);
    while (session.nextNumber < this.#options.numbers && this.#packet(far, session, now));
  }

  /** False: there is nothing (more) to send. */
  #packet(far: Far, session: Session, now: Instant): boolean {
    const letter = this.#nextThatMayGo(far, now);
    const isDue = session.ackAt <= now;
    if (!isDue && letter === undefined && far.controls.length === 0) return false;
    this.#start(far, session, now);
    const controls = this.#writeControls(far);
    if (letter?.isHurried === true) far.hurriedAt = now;
    if (letter !== undefined) this.#fill(far, letter, limitFor(far, letter, now));
    const elicits = this.#pieces.length > 0 || controls.length > 0;
    if (elicits) {
      const bytes = this.#at + (this.#tail?.length ?? 0);
      const isProbe = bytes > far.size.bytes;
      if (isProbe) far.size.probeSent();
      const number = session.nextNumber;
      session.sent.add({ number, at: now, bytes, pieces: this.#pieces, controls, isProbe });
      far.window.take(bytes);
      far.credit -= bytes;
      far.askedAt = now;
    } else this.#counters.path_acks_sent++;
    session.nextNumber++;
    this.#counters.path_packets_sent++;
    this.#sink.transmitPath(far.address, this.#head.subarray(0, this.#at), this.#tail);
    return true;
  }

  /** Head, acknowledgement and states. */
  #start(far: Far, session: Session, now: Instant): void {
    this.#tail = null;
    this.#pieces = [];
    writeHead(this.#head, session.theirs, session.nextNumber);
    this.#at = headBytes;
    const { heard } = session;
    if (session.dueCount > 0 && this.#at + ackBytes(heard) <= baseBytes) {
      this.#at = writeAck(heard, now - session.highestAt, this.#head, this.#at);
    }
    session.acknowledged();
    const { states } = far;
    let told = 0;
    for (const state of states) {
      if (this.#at + stateBytes > baseBytes) break;
      this.#at = writeState(state, this.#head, this.#at);
      told++;
    }
    if (told === states.length) states.length = 0;
    else {
      states.splice(0, told);
      session.ackAt = now;
    }
  }

  #writeControls(far: Far): readonly Uint8Array[] {
    if (far.controls.length === 0) return nothing;
    let count = 0;
    for (const frame of far.controls) {
      if (this.#at + frame.length > baseBytes) break;
      this.#head.set(frame, this.#at);
      this.#at += frame.length;
      count++;
    }
    return far.controls.splice(0, count);
  }

  #nextLetter(far: Far): Letter | undefined {
    for (;;) {
      const letter = far.ready.peek();
      if (letter === undefined) return undefined;
      if (hasSomething(letter)) return letter;
      far.ready.shift(letter);
      letter.isQueued = false;
    }
  }

  /** Whose turn it is, if it may go; else what may not wait. */
  #nextThatMayGo(far: Far, now: Instant): Letter | undefined {
    const letter = this.#nextLetter(far);
    if (letter === undefined || this.#mayGo(far, letter, now)) return letter;
    const first = far.ready.hurried();
    if (first === undefined || first === letter || !hasSomething(first)) return undefined;
    return this.#mayGo(far, first, now) ? first : undefined;
  }

  #mayGo(far: Far, letter: Letter, now: Instant): boolean {
    const { window } = far;
    const { isHurried } = letter;
    if (!window.fits(Math.min(limitFor(far, letter, now), costOf(letter)), isHurried)) return false;
    if (isHurried) return true;
    if (window.usedBytes >= Window.unaskedBytes && !this.#sink.hasRoom(far.subnet)) {
      this.waiting.add(far);
      return false;
    }
    return this.#isPaced(far, now);
  }

  /** A token bucket of a quarter more than a window each round trip. RFC 9002 §7.7. */
  #isPaced(far: Far, now: Instant): boolean {
    const { smoothedMs } = far.roundTrip;
    if (smoothedMs < this.#options.paceFromMs) {
      far.credit = 0;
      far.creditAt = now;
      return true;
    }
    const perMs = (paceGain * far.window.limitBytes) / smoothedMs;
    const burst = Math.max(10 * baseBytes, perMs * burstMs);
    far.credit = Math.min(burst, far.credit + (now - far.creditAt) * perMs);
    far.creditAt = now;
    if (far.credit > 0) return true;
    far.paceAt = instant(now + Math.max(1, (perMs - far.credit) / perMs));
    return false;
  }

  /** One piece of each message in turn, as long as there is room. What is less urgent does not make the packet longer. */
  #fill(far: Far, first: Letter, limit: number): void {
    let letter: Letter | undefined = first;
    while (letter !== undefined && letter.priority === first.priority && this.#write(far, letter, limit)) {
      far.ready.shift(letter);
      letter.isQueued = false;
      if (letter.hasMore) far.enqueue(letter);
      letter.become('sending');
      if (this.#tail !== null) return;
      letter = this.#nextLetter(far);
    }
  }

  /** False: there is no room for it in this packet. */
  #write(far: Far, letter: Letter, limit: number): boolean {
    const room = limit - this.#at;
    const topicBytes = letter.topic.length;
    const wholeBytes = wholeHeadBytes + topicBytes + letter.lengthBytes;
    if (letter.isUntouched || letter.lengthBytes === 0) {
      if (wholeBytes <= room) {
        const flags = flagsOf(far, letter, wholeBytes);
        this.#at = writeWholeHead(letter, flags, this.#head, this.#at);
        this.#piece(letter, 0, letter.lengthBytes);
        return true;
      }
      if (this.#pieces.length > 0 && wholeBytes <= limit - headBytes) return false;
    }
    const [start, stop] = letter.again[0] ?? [letter.next, letter.lengthBytes];
    const mostBytes = room - fragmentHeadBytes - topicBytes;
    const size = Math.min(mostBytes, stop - start);
    if (size < Math.min(leastPieceBytes, stop - start)) return false;
    const flags = flagsOf(far, letter, size);
    this.#at = writeFragmentHead(letter, flags, start, size, this.#head, this.#at);
    this.#piece(letter, start, start + size);
    return true;
  }

  #piece(letter: Letter, start: number, end: number): void {
    const data = letter.payload.subarray(start, end);
    if (data.length >= tailFromBytes) this.#tail = data;
    else {
      this.#head.set(data, this.#at);
      this.#at += data.length;
    }
    this.#pieces.push({ letter, tag: letter.tag, start, end });
    letter.wasSent = true;
    letter.underWayBytes += end - start;
    const [again] = letter.again;
    if (again === undefined) letter.next = end;
    else if (again[1] > end) again[0] = end;
    else letter.again.shift();
  }
}

const hasSomething = (letter: Letter): boolean => !letter.isFinished && letter.heldUntil === null && letter.hasMore;

/** What is patient waits for its acknowledgement only as long as the window does not: else nothing would go meanwhile. */
function flagsOf(far: Far, letter: Letter, bytes: number): number {
  far.unaskedBytes += bytes;
  const isEnough = far.unaskedBytes * asksInWindow >= far.window.limitBytes;
  const asks = !letter.isPatient || (isEnough && far.window.isLimiting);
  if (asks) far.unaskedBytes = 0;
  return (letter.isReply ? messageFlag.reply : 0) | (asks ? 0 : messageFlag.patient);
}

/** What the next packet with it takes, roughly. */
function costOf(letter: Letter): number {
  const [again] = letter.again;
  const left = again === undefined ? letter.lengthBytes - letter.next : again[1] - again[0];
  return headBytes + fragmentHeadBytes + letter.topic.length + left;
}

/** How long the next packet may be. Longer than the path is known to carry: a probe. */
function limitFor(far: Far, letter: Letter, now: Instant): number {
  const probe = probeSize(far, letter, now);
  if (probe > 0) return probe;
  const most = Math.max(baseBytes, Math.min(far.size.bytes, far.window.limitBytes / packetsInWindow));
  if (letter.isHurried || !far.isHurried(now)) return most | 0;
  const perMs = far.window.limitBytes / Math.max(1, far.roundTrip.smoothedMs);
  return Math.max(leastHurriedBytes, Math.min(most, perMs * hurriedPacketMs)) | 0;
}

/** The path is asked for longer packets when there is that much to send, and a window that can bear the loss. */
function probeSize(far: Far, letter: Letter, now: Instant): number {
  const bytes = far.size.probeBytes(now);
  return bytes > 0 && bytes * 4 <= far.window.limitBytes && costOf(letter) >= bytes ? bytes : 0;
}
