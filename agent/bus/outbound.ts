import type { Instant, Machine } from '#kernel';
import { after, milliseconds, minutes, never, seconds, sequence, since, unreachable } from '#kernel';
import type { GapRecord, MessageRecord } from '#ring';
import type { Ack, Course, Reset, Welcome } from './frame.ts';
import { helloFrame, noToken } from './frame.ts';
import type { OutboundEffect, OutboundEvent, OutboundOptions } from './outbound-events.ts';
import { batchBytes, batchRecords, nothingSkipped, Packer } from './packer.ts';
import { earlier, Patience } from './patience.ts';
import type { Position } from './position.ts';
import { Reading } from './reading.ts';
import { Recap } from './recap.ts';
import { Settlement, wentBack } from './settled.ts';
import type { BusEvent } from './types.ts';
import type { Flight } from './window.ts';
import { Window, windowBatches } from './window.ts';

const longestWait = seconds(30);
const longestLook = minutes(1);
const messageDeadlineMs = 60_000;
const outboxRetry = milliseconds(100);
/** A window of batches at once: what a ring gives in one go is cheaper than in pieces. */
const fillRoom = { records: windowBatches * batchRecords, bytes: windowBatches * batchBytes };

type State = 'closed' | 'greeting' | 'open';

/**
 * The sending end of one stream. Its only durable state is the cursor: position and value.
 *
 *   closed ---- something to send, and a route ----> greeting ---- welcome ----> open
 *     ^  \__ no route: looks for one, ever rarer __/    ^                         |
 *     |                                                  \______ reset __________/|
 *     +------------------------- route lost ---------------------------------------+
 *
 * - The cursor is settled only by what the far end says is durable there.
 * - In `open`, at most `windowBatches` batches are under way. A batch goes at once when nothing is under way, and is
 *   filled otherwise.
 * - A session that ends leaves nothing in memory: the cursor is rewound, and the next welcome says what to skip.
 * - Without a route there is at most a timer. With one, but without an answer, one small message at a time.
 */
export class Outbound implements Machine<OutboundEvent, OutboundEffect> {
  readonly #options: OutboundOptions;
  readonly #course: Course;
  readonly #window = new Window();
  readonly #patience: Patience;
  #state: State = 'closed';
  readonly #settlement: Settlement;
  readonly #reading = new Reading();
  #packer: Packer | null = null;
  #recap: Recap | null = null;
  #token = noToken;
  #nonce = noToken;
  #reachable = false;
  #busy = false;
  /** The hello or question that is under way, as a message of the overlay. */
  #asking: number | null = null;
  #question = noToken;
  /** Resets since the last progress: the first is answered at once. */
  #resets = 0;
  #retryAt: Instant = never;
  #messageId = 0;
  #drained = true;
  #effects: OutboundEffect[] = [];
  resent = 0;
  lastAckAt: Instant | null = null;

  constructor(options: OutboundOptions) {
    this.#options = options;
    this.#course = { from: options.self, to: options.to, lane: options.lane };
    this.#settlement = new Settlement(options.value);
    this.#patience = new Patience(options.fraction);
  }

  get state(): 'idle' | 'sending' | 'waiting' {
    if (this.#state === 'open' && !this.#busy) return this.#idle ? 'idle' : 'sending';
    return this.#reading.may || this.#state === 'greeting' || this.#busy ? 'waiting' : 'idle';
  }

  get delivered(): number {
    return this.#settlement.delivered;
  }

  get roundTripMs(): number | null {
    return this.#patience.roundTripMs;
  }

  get inFlight(): number {
    return this.#window.records;
  }

  deadline(): Instant {
    return earlier(this.#patience.at, this.#retryAt);
  }

  step(event: OutboundEvent, now: Instant): readonly OutboundEffect[] {
    this.#effects = [];
    this.#handle(event, now);
    this.#proceed(now);
    return this.#effects;
  }

  #handle(event: OutboundEvent, now: Instant): void {
    switch (event.kind) {
      case 'route':
        this.#route(event.reachable, now);
        break;
      case 'readable':
        this.#reading.may = true;
        return;
      case 'items':
        this.#items(event.items, event.more, now);
        break;
      case 'welcome':
        this.#welcome(event.frame, now);
        break;
      case 'ack':
        this.#ack(event.frame, now);
        break;
      case 'reset':
        this.#reset(event.frame, now);
        break;
      case 'message':
        this.#message(event.id, event.became, now);
        break;
      case 'timer':
        this.#timer(now);
        break;
      default:
        unreachable(event);
    }
  }

  #route(reachable: boolean, now: Instant): void {
    const news = reachable !== this.#reachable;
    this.#reachable = reachable;
    if (!reachable && this.#state !== 'closed') {
      this.#close();
      this.#patience.attempts = 0;
      this.#patience.wait(now, longestLook);
    } else if (reachable && news && this.#state === 'closed') this.#patience.rest();
    else if (reachable && this.#state === 'open' && this.#patience.attempts > 0) this.#ask(now);
  }

  #proceed(now: Instant): void {
    if (this.#state === 'closed') this.#mayOpen(now);
    else if (this.#packer !== null) this.#fill(this.#packer, now);
    else if (this.#recap !== null && this.#reading.free) this.#read();
  }

  /** Something to send opens a session; without a route, somebody has to look for one. */
  #mayOpen(now: Instant): void {
    if (!this.#reading.may || this.#patience.at !== never || this.#reading.stale) return;
    if (this.#reachable) this.#greet(now);
    else {
      this.#effects.push({ kind: 'look' });
      this.#patience.wait(now, longestLook);
    }
  }

  #greet(now: Instant): void {
    if (this.#state !== 'greeting') this.#nonce = this.#options.nonce();
    this.#state = 'greeting';
    this.#hello(this.#nonce, noToken, now);
  }

  /** Asks the far end what it has of the present session. */
  #ask(now: Instant): void {
    this.#question = this.#options.nonce();
    this.#hello(this.#question, this.#token, now);
  }

  #hello(nonce: string, token: string, now: Instant): void {
    this.#abortAsking();
    const { place } = this.#settlement.settled;
    this.#asking = this.#send(helloFrame(this.#course, nonce, token, this.#options.life, place));
    this.#patience.wait(now, longestWait);
  }

  #welcome(frame: Welcome, now: Instant): void {
    if (this.#state !== 'greeting' || frame.nonce !== this.#nonce) return;
    this.#asking = null;
    this.#state = 'open';
    this.#token = frame.token;
    this.#busy = false;
    this.#patience.rest();
    const { settled } = this.#settlement;
    const { place } = settled;
    if (wentBack(frame, settled)) this.#effects.push({ kind: 'count', what: 'far-end-went-back' });
    this.#settlement.welcomed(frame.refused);
    this.#recap = Recap.of(frame, place, this.#options.rule);
    if (this.#recap === null) this.#pack(place);
    this.lastAckAt = now;
  }

  #pack(place: Position): void {
    const { life, rule } = this.#options;
    this.#packer = new Packer(this.#course, this.#token, life, place, rule);
  }

  /** A cursor that gives nothing though there may be more (a read error, too) is asked again later, not for ever. */
  #items(items: readonly (MessageRecord | GapRecord)[], more: boolean, now: Instant): void {
    const came = this.#reading.end(items.length, more);
    if (came === 'stale') this.#rewind();
    else if (came === 'vain') this.#retryAt = earlier(this.#retryAt, after(now, this.#reading.nextWait()));
    else {
      if (items.length > 0) this.#drained = false;
      if (this.#recap !== null) this.#goOver(this.#recap, items);
      else this.#packer?.add(items);
    }
  }

  /** Reads what the far end has already, until beyond it. */
  #goOver(recap: Recap, items: readonly (MessageRecord | GapRecord)[]): void {
    const known = recap.add(items);
    if (known !== null)
      this.#effects.push(this.#settlement.settle(known.place.sequence, known.place, known.records, known.skipped));
    if (this.#reading.may && !recap.beyond) return;
    this.#recap = null;
    this.#rewind();
    this.#pack(this.#settlement.settled.place);
  }

  /** Followed by `readable`, if it is. */
  #rewind(): void {
    this.#effects.push({ kind: 'rewind' });
    this.#reading.may = false;
  }

  #fill(packer: Packer, now: Instant): void {
    if (!this.#busy) this.#launch(packer, now);
    this.#settleSkipped(packer);
    const full = this.#window.full && packer.open > 0;
    if (this.#reading.free && packer.ready.length === 0 && !full && !this.#busy) this.#read();
    if (this.#idle && !this.#drained) this.#drain();
  }

  #launch(packer: Packer, now: Instant): void {
    if (this.#window.count <= 0 && packer.ready.length === 0) packer.close();
    while (!this.#window.full) {
      const batch = packer.ready.shift();
      if (batch === undefined) return;
      const flight = this.#window.add(batch);
      this.#fly(flight, now, false);
      if (this.#window.count === 1) this.#patience.wait(now, longestWait);
    }
  }

  #fly(flight: Flight, now: Instant, resend: boolean): void {
    if (resend) this.resent++;
    flight.state = 'sending';
    flight.sentAt = resend ? null : now;
    flight.message = this.#send(flight.batch.payload);
    const { to, lane } = this.#options;
    const { first, last } = flight.batch;
    this.#report({ kind: 'sent', to, lane, first, last: last.sequence, resend });
  }

  #read(): void {
    this.#reading.begin();
    this.#effects.push({ kind: 'read', maxRecords: fillRoom.records, maxBytes: fillRoom.bytes });
  }

  get #idle(): boolean {
    const packer = this.#packer;
    if (packer === null || !this.#reading.done) return false;
    return this.#window.count === 0 && packer.open === 0 && packer.ready.length === 0;
  }

  #drain(): void {
    this.#drained = true;
    const { to, lane } = this.#options;
    this.#report({ kind: 'drained', to, lane });
  }

  #ack(frame: Ack, now: Instant): void {
    if (this.#state !== 'open' || frame.token !== this.#token) return;
    this.lastAckAt = now;
    this.#settlement.farRefused = Math.max(this.#settlement.farRefused, frame.refused);
    const acked = this.#window.ack(frame.next, frame.held);
    const last = acked.at(-1);
    if (last !== undefined) this.#progress(acked, last, now);
    this.#busy = frame.busy === 1 && this.#window.count > 0;
    if (frame.nonce !== noToken && frame.nonce === this.#question) this.#answered(now);
    if (this.#window.count === 0 && !this.#busy) this.#patience.rest();
    else if (last !== undefined) this.#patience.wait(now, longestWait);
  }

  #progress(acked: readonly Flight[], last: Flight, now: Instant): void {
    this.#patience.attempts = 0;
    this.#resets = 0;
    if (last.sentAt !== null) this.#patience.measure(since(last.sentAt, now));
    const skipped = this.#packer?.takeSkipped(this.#window.first) ?? nothingSkipped;
    let records = skipped.count;
    for (const flight of acked) records += flight.batch.records;
    const place = last.batch.last;
    const to = sequence(Math.max(place.sequence, skipped.to));
    this.#effects.push(this.#settlement.settle(to, place, records, skipped.count));
    const { to: contact, lane } = this.#options;
    this.#report({ kind: 'acked', to: contact, lane, upTo: place.sequence });
  }

  /** What the far end has not got though the overlay is done with it goes again. */
  #answered(now: Instant): void {
    this.#question = noToken;
    this.#abortAsking();
    for (const flight of this.#window.missing()) this.#fly(flight, now, true);
  }

  /** What no link takes is done with as soon as everything before it is. */
  #settleSkipped(packer: Packer): void {
    const { to, count } = packer.takeSkipped(this.#window.first);
    if (count === 0) return;
    this.#effects.push(this.#settlement.settle(to, this.#settlement.settled.place, count, count));
  }

  #reset(frame: Reset, now: Instant): void {
    if (this.#state !== 'open' || frame.token !== this.#token) return;
    this.#effects.push({ kind: 'count', what: 'far-end-restarted' });
    this.#close();
    this.#patience.attempts = this.#resets++;
    if (this.#patience.attempts > 0) this.#patience.wait(now, longestWait);
    else this.#patience.rest();
  }

  /** Forgets the session: nothing of it stays in memory or under way. */
  #close(): void {
    for (const flight of this.#window.clear()) this.#abort(flight);
    this.#abortAsking();
    this.#state = 'closed';
    this.#packer = null;
    this.#recap = null;
    this.#token = noToken;
    this.#question = noToken;
    this.#busy = false;
    this.#retryAt = never;
    if (this.#reading.abandon()) this.#rewind();
  }

  #message(id: number, became: 'received' | 'aborted' | 'refused', now: Instant): void {
    if (id === this.#asking) {
      if (became !== 'received') this.#asking = null;
      return;
    }
    const flight = this.#window.of(id);
    if (flight === undefined) return;
    flight.state = became;
    if (became === 'refused') this.#retryAt = earlier(this.#retryAt, after(now, outboxRetry));
  }

  #timer(now: Instant): void {
    if (this.#retryAt <= now) {
      this.#retryAt = never;
      this.#reading.may = true;
      for (const flight of this.#window.refused()) this.#fly(flight, now, false);
    }
    if (this.#patience.at > now) return;
    this.#patience.rest();
    this.#patience.attempts++;
    if (this.#state === 'greeting') this.#greet(now);
    else if (this.#state === 'open') this.#ask(now);
  }

  #send(payload: Uint8Array): number {
    const id = ++this.#messageId;
    this.#effects.push({ kind: 'send', id, payload, deadlineMs: messageDeadlineMs });
    return id;
  }

  #abort(flight: Flight): void {
    if (flight.state === 'sending') this.#effects.push({ kind: 'abort', id: flight.message });
  }

  #abortAsking(): void {
    if (this.#asking !== null) this.#effects.push({ kind: 'abort', id: this.#asking });
    this.#asking = null;
  }

  #report(event: BusEvent): void {
    this.#effects.push({ kind: 'report', event });
  }
}
