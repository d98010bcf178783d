import type { Instant, Machine, PublicKey, Sequence } from '#kernel';
import { after, milliseconds, minutes, never, sequence, unreachable } from '#kernel';
import type { GapRecord, MessageRecord } from '#ring';
import { Acquaintance } from './acquaintance.ts';
import { Asking, longestWait } from './asking.ts';
import type { Ack, Reset, Welcome } from './frame.ts';
import { noToken } from './frame.ts';
import type { OutboundEffect, OutboundEvent, OutboundOptions } from './outbound-events.ts';
import { Outbox } from './outbox.ts';
import { batchBytes, batchRecords } from './packer.ts';
import { earlier, Patience } from './patience.ts';
import { Reading } from './reading.ts';
import { Recap } from './recap.ts';
import { Posting } from './relay/posting.ts';
import { Settlement, wentBack } from './settled.ts';
import { Shipment, type ShipmentParts } from './shipment.ts';
import type { Alarm } from './types.ts';
import { windowBatches } from './window.ts';

const longestLook = minutes(1);
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
 * - In `open`, first what the far end has already is gone over (Recap), then batches go (Shipment).
 * - A session that ends leaves nothing in memory: the cursor is rewound, and the next welcome says what to skip.
 * - Without a route there is at most a timer. With one, but without an answer, one small message at a time.
 */
export class Outbound implements Machine<OutboundEvent, OutboundEffect> {
  readonly #options: OutboundOptions;
  readonly #parts: ShipmentParts;
  readonly #outbox = new Outbox();
  readonly #patience: Patience;
  readonly #settlement: Settlement;
  readonly #asking: Asking;
  readonly #acquaintance: Acquaintance;
  /** Told once in a life: this ring went back. */
  #toldOurs = false;
  readonly #reading = new Reading();
  #state: State = 'closed';
  #shipment: Shipment | null = null;
  /** Letters at relays, while there is no session. Null: nothing goes by relays. */
  readonly #posting: Posting | null;
  #recap: Recap | null = null;
  #token = noToken;
  /** The far end, as the last welcome says. */
  #readsToldGaps = false;
  #reachable = false;
  /** Resets since the last progress: the first is answered at once. */
  #resets = 0;
  #retryAt: Instant = never;
  #drained = true;
  #resentBefore = 0;
  lastAckAt: Instant | null = null;

  constructor(options: OutboundOptions) {
    this.#options = options;
    const course = { from: options.self, to: options.to, lane: options.lane };
    this.#settlement = new Settlement(options.value);
    this.#acquaintance = new Acquaintance(this.#settlement.settled.met, options.lives.present.epoch);
    this.#patience = new Patience(options.fraction);
    this.#asking = new Asking(options, course, this.#outbox, this.#patience);
    this.#parts = {
      options,
      course,
      outbox: this.#outbox,
      settlement: this.#settlement,
      patience: this.#patience,
    };
    this.#posting = options.mark === undefined ? null : new Posting(this.#parts);
  }

  get state(): 'idle' | 'sending' | 'waiting' {
    const busy = this.#shipment?.busy === true;
    if (this.#state === 'open' && !busy) return this.#idle ? 'idle' : 'sending';
    const owes = this.#reading.may || this.#posting?.isOwed === true;
    return owes || this.#state === 'greeting' || busy ? 'waiting' : 'idle';
  }

  get delivered(): number {
    return this.#settlement.delivered;
  }

  get resent(): number {
    return this.#resentBefore + (this.#shipment?.resent ?? 0);
  }

  get roundTripMs(): number | null {
    return this.#patience.roundTripMs;
  }

  /** Where letters lie, and up to which sequence, of which no receipt has come. */
  get left(): { readonly relay: PublicKey | null; readonly upTo: Sequence } | null {
    const stored = this.#posting?.stored ?? null;
    return stored === null ? null : { relay: this.#posting?.relay ?? null, upTo: stored.sequence };
  }

  get inFlight(): number {
    return this.#shipment?.records ?? 0;
  }

  deadline(): Instant {
    return earlier(earlier(this.#patience.at, this.#retryAt), this.#posting?.deadline ?? never);
  }

  step(event: OutboundEvent, now: Instant): readonly OutboundEffect[] {
    this.#handle(event, now);
    this.#proceed(now);
    return this.#outbox.take();
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
        this.#readsToldGaps = event.readsToldGaps === true;
        this.#welcome(event.frame, event.restored === true, now);
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
      case 'relays':
        this.#posting?.relays(event.isReady);
        break;
      case 'left':
        this.#turnTo(this.#posting?.left(event.id, event.relay, event.waitSeconds, now));
        break;
      case 'receipt':
        if (this.#state !== 'open') this.#turnTo(this.#posting?.receipt(event.frame, now));
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
    else if (this.#shipment !== null) this.#ship(this.#shipment, now);
    else if (this.#recap !== null && this.#reading.free) this.#read();
    if (this.#state !== 'open' && this.#posting !== null && !this.#reading.stale) this.#post(this.#posting, now);
  }

  #post(posting: Posting, now: Instant): void {
    const next = posting.proceed(now, this.#reading.may, this.#reading.done);
    if (next === 'read' && this.#reading.free) this.#read();
    else this.#turnTo(next);
  }

  /** Back to what is settled; what a read brings that is still under way is for nobody. */
  #turnTo(next: 'rewind' | 'read' | null | undefined): void {
    if (next === 'rewind' && this.#reading.abandon()) this.#rewind();
  }

  /** Something to send opens a session; without a route, somebody has to look for one. */
  #mayOpen(now: Instant): void {
    const owes = this.#reading.may || this.#posting?.isOwed === true;
    if (!owes || this.#patience.at !== never || this.#reading.stale) return;
    if (this.#reachable) this.#greet(now);
    else {
      this.#outbox.push({ kind: 'look' });
      this.#patience.wait(now, longestLook);
    }
  }

  #greet(now: Instant): void {
    const again = this.#state === 'greeting';
    this.#state = 'greeting';
    this.#asking.greet(again, this.#settlement.settled, now);
  }

  #ask(now: Instant): void {
    this.#asking.ask(this.#token, this.#settlement.settled, now);
  }

  #welcome(frame: Welcome, restored: boolean, now: Instant): void {
    if (this.#state !== 'greeting' || !this.#asking.isWelcome(frame.nonce)) return;
    this.#asking.settled();
    if (this.#posting?.suspend() === true) this.#turnTo('rewind');
    this.#state = 'open';
    this.#token = frame.token;
    this.#patience.rest();
    const { settled } = this.#settlement;
    this.#compare(frame, restored);
    this.#settlement.welcomed(frame.refused);
    this.#recap = Recap.of(frame, settled.place, this.#options.rule);
    if (this.#recap === null) this.#pack();
    this.lastAckAt = now;
  }

  /** Do the histories of the two ends fit? The welcome answers this very hello: whoever sent it is alive. */
  #compare(frame: Welcome, restored: boolean): void {
    const { lives } = this.#options;
    const { settled } = this.#settlement;
    const { placeEpoch: epoch, placeSequence, placeOrdinal: ordinal } = frame;
    const meeting = this.#acquaintance.meets(frame.life);
    if (meeting === 'twin') this.#alarm({ what: 'cloned', expected: false });
    if (meeting === 'older' || wentBack(frame, settled)) this.#alarm({ what: 'theirs', expected: restored });
    const isOurs = lives.mayBeOurs({ epoch, sequence: sequence(placeSequence), ordinal });
    if (!isOurs && !this.#toldOurs) {
      this.#toldOurs = true;
      this.#alarm({ what: 'ours', expected: lives.restoredSince(settled.met.ours) });
    }
    this.#settlement.meets(this.#acquaintance.met);
  }

  #alarm(alarm: Alarm): void {
    this.#outbox.push({ kind: 'alarm', alarm });
  }

  #pack(): void {
    this.#shipment = new Shipment(this.#parts, this.#token, this.#readsToldGaps);
  }

  /** A cursor that gives nothing though there may be more (a read error, too) is asked again later, not for ever. */
  #items(items: readonly (MessageRecord | GapRecord)[], more: boolean, now: Instant): void {
    const came = this.#reading.end(items.length, more);
    if (came === 'stale') this.#rewind();
    else if (came === 'vain') this.#retryAt = earlier(this.#retryAt, after(now, this.#reading.nextWait()));
    else {
      if (items.length > 0) this.#drained = false;
      if (this.#state !== 'open') this.#turnTo(this.#posting?.items(items, this.#reading.may, now));
      else if (this.#recap !== null) this.#goOver(this.#recap, items);
      else this.#shipment?.add(items);
    }
  }

  /** Reads what the far end has already, until beyond it. */
  #goOver(recap: Recap, items: readonly (MessageRecord | GapRecord)[]): void {
    const known = recap.add(items);
    if (known !== null)
      this.#outbox.push(this.#settlement.settle(known.place.sequence, known.place, known.records, known.skipped));
    if (this.#reading.may && !recap.beyond) return;
    this.#recap = null;
    this.#rewind();
    this.#pack();
  }

  /** Followed by `readable`, if it is. */
  #rewind(): void {
    this.#outbox.push({ kind: 'rewind' });
    this.#reading.may = false;
  }

  #ship(shipment: Shipment, now: Instant): void {
    shipment.launch(now);
    if (this.#reading.free && shipment.wants) this.#read();
    if (this.#idle && !this.#drained) this.#drain();
  }

  #read(): void {
    this.#reading.begin();
    this.#outbox.push({ kind: 'read', maxRecords: fillRoom.records, maxBytes: fillRoom.bytes });
  }

  get #idle(): boolean {
    return this.#shipment?.empty === true && this.#reading.done;
  }

  #drain(): void {
    this.#drained = true;
    const { to, lane } = this.#options;
    this.#outbox.report({ kind: 'drained', to, lane });
  }

  #ack(frame: Ack, now: Instant): void {
    if (this.#state !== 'open' || frame.token !== this.#token) return;
    this.lastAckAt = now;
    this.#settlement.farRefused = Math.max(this.#settlement.farRefused, frame.refused);
    const progress = this.#shipment?.ack(frame, now) === true;
    if (progress) this.#resets = 0;
    if (this.#asking.isAnswer(frame.nonce)) {
      this.#asking.answered();
      this.#shipment?.sendMissing(now);
    }
    if (this.#shipment?.rests !== false) this.#patience.rest();
    else if (progress) this.#patience.wait(now, longestWait);
  }

  #reset(frame: Reset, now: Instant): void {
    if (this.#state !== 'open' || frame.token !== this.#token) return;
    this.#outbox.push({ kind: 'count', what: 'far-end-restarted' });
    this.#close();
    this.#patience.attempts = this.#resets++;
    if (this.#patience.attempts > 0) this.#patience.wait(now, longestWait);
    else this.#patience.rest();
  }

  /** Forgets the session: nothing of it stays in memory or under way. */
  #close(): void {
    this.#shipment?.close();
    this.#resentBefore = this.resent;
    this.#asking.close();
    this.#state = 'closed';
    this.#shipment = null;
    this.#recap = null;
    this.#token = noToken;
    this.#retryAt = never;
    this.#posting?.drop();
    if (this.#reading.abandon()) this.#rewind();
  }

  #message(id: number, became: 'received' | 'aborted' | 'refused', now: Instant): void {
    if (this.#asking.isMessage(id)) {
      if (became !== 'received') this.#asking.settled();
    } else if (this.#shipment?.message(id, became) === true && became === 'refused') {
      this.#retryAt = earlier(this.#retryAt, after(now, outboxRetry));
    }
  }

  #timer(now: Instant): void {
    if (this.#retryAt <= now) {
      this.#retryAt = never;
      this.#reading.may = true;
      this.#shipment?.sendRefused(now);
    }
    if (this.#patience.at > now) return;
    this.#patience.rest();
    this.#patience.attempts++;
    if (this.#state === 'greeting') this.#greet(now);
    else if (this.#state === 'open') this.#ask(now);
  }
}
