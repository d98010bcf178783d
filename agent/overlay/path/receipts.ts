import type { Instant } from '#kernel';
import { instant } from '#kernel';
import type { PathCounters } from './counters.ts';
import type { Far } from './far.ts';
import type { Letter } from './letter.ts';
import { baseBytes } from './packet-size.ts';
import type { SentPacket } from './sent.ts';
import type { Session } from './session.ts';
import type { Spans } from './spans.ts';
import { pingFrame } from './wire.ts';

/** After all of a message has been acknowledged, its state should have been told; the sender asks so long after. */
const askAfterMs = 200;

/**
 * What has come through and what has not. RFC 9002 §6: a packet is lost when three later ones have come or a later one has and
 * time enough has passed; silence sends a probe with the oldest data, silence again sends all of it anew. Nothing is
 * decided about a message here: only its receiver says that it has it.
 */
export class Receipts {
  readonly #counters: PathCounters;
  /** Some message wants to be looked at by then. */
  readonly #lookBy: (at: Instant) => void;

  constructor(counters: PathCounters, lookBy: (at: Instant) => void) {
    this.#counters = counters;
    this.#lookBy = lookBy;
  }

  /** False: it speaks of packets that were never sent. */
  ack(far: Far, session: Session, numbers: Spans, delayMs: number, now: Instant): boolean {
    const end = numbers.end(numbers.count - 1);
    if (end > session.nextNumber) return false;
    const acked = session.sent.acked(numbers);
    if (acked.length === 0) return true;
    const newest = acked.find((packet) => packet.number === end - 1);
    if (newest !== undefined) this.#sample(far, now - newest.at, delayMs, now);
    let bytes = 0;
    for (const packet of acked) bytes += packet.bytes;
    far.window.acked(bytes);
    far.window.giveBack(bytes);
    far.silences = 0;
    for (const packet of acked) this.#came(far, packet, now);
    this.overtaken(far, session, now);
    return true;
  }

  /** What has been overtaken for long enough goes again. */
  overtaken(far: Far, session: Session, now: Instant): void {
    for (const packet of session.sent.overtaken(far.roundTrip.overtakenMs, now)) this.#lost(far, packet, now);
  }

  /** Nothing at all has come back for a while. */
  silent(far: Far, session: Session, now: Instant): void {
    this.#counters.path_silences++;
    far.silences++;
    const oldest = session.sent.oldest();
    if (far.silences >= 2) {
      far.window.silent();
      if (session.sent.hasLong(baseBytes)) far.size.fall(now);
      this.again(far, session, now);
    } else if (oldest !== undefined) {
      session.sent.take(oldest);
      this.#lost(far, oldest, now);
    }
    if (far.controls.length === 0) far.controls.push(pingFrame);
  }

  /** All that is under way goes anew. */
  again(far: Far, session: Session, now: Instant): void {
    for (const packet of session.sent.takeAll()) this.#lost(far, packet, now);
  }

  #sample(far: Far, ms: number, delayMs: number, now: Instant): void {
    far.roundTrip.sample(ms, delayMs);
    far.window.sample(Math.max(0.01, ms - delayMs), now);
  }

  #came(far: Far, packet: SentPacket, now: Instant): void {
    if (packet.isProbe) far.size.probeAcked(packet.bytes);
    else far.size.acked(packet.bytes);
    for (const { letter, tag, start, end } of packet.pieces) {
      if (!isPresent(letter, tag)) continue;
      letter.underWayBytes -= end - start;
      if (end > start) letter.acked.add(start, end);
      else letter.wasAcked = true;
      if (!letter.areAllAcked) continue;
      letter.askAt = instant(now + far.roundTrip.probeMs(0) + askAfterMs);
      this.#lookBy(letter.askAt);
    }
  }

  #lost(far: Far, packet: SentPacket, now: Instant): void {
    this.#counters.path_packets_lost++;
    far.window.giveBack(packet.bytes);
    if (packet.isProbe) far.size.probeLost(now);
    else far.size.lost(packet.bytes, now);
    for (const { letter, tag, start, end } of packet.pieces) {
      if (!isPresent(letter, tag)) continue;
      letter.underWayBytes -= end - start;
      letter.lost(start, end);
      far.enqueue(letter);
    }
    for (const frame of packet.controls) if (frame !== pingFrame) far.controls.push(frame);
  }
}

const isPresent = (letter: Letter, tag: number): boolean => letter.tag === tag && !letter.isFinished;
