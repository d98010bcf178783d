import { constant, hex, isRefusal, layout, u8, u64 } from '#codec';
import type { Epoch, Instant, PublicKey } from '#kernel';
import { after, milliseconds, minutes, never, seconds, sequence } from '#kernel';
import type { GapRecord, MessageRecord } from '#ring';
import type { Course, Receipt } from '../frame.ts';
import { firstFlag, noToken } from '../frame.ts';
import type { OutboundOptions } from '../outbound-events.ts';
import type { Outbox } from '../outbox.ts';
import { Packer } from '../packer.ts';
import type { Position } from '../position.ts';
import { Recap } from '../recap.ts';
import type { Settlement } from '../settled.ts';

/** How long a contact is looked for before its relays are used. */
const quietFor = seconds(30);
/** What a batch that is not full waits for, but for urgent ones. */
const gatherFor = seconds(5);
const lettersUnderWay = 4;
/** Without a receipt, all is left once more: elsewhere, or there again. Uptime. */
const shortestPatience = minutes(15);
const longestPatience = minutes(24 * 60);
const shortestPause = seconds(30);
const longestPause = minutes(30);
const flagsAt = 3;

/** How far letters lie at relays; `bus/post/<contact>/<lane>` in the ring, 33 bytes and so written once a letter. */
const markLayout = layout('bus.mark', {
  version: constant(u8, 1),
  epoch: hex<Epoch>(12),
  sequence: u64,
  ordinal: u64,
});

export interface PostingParts {
  readonly options: OutboundOptions;
  readonly course: Course;
  readonly outbox: Outbox;
  readonly settlement: Settlement;
}

interface Left {
  readonly id: number;
  readonly last: Position;
  isStored: boolean;
}

/**
 * The letters of one sending stream: batches of no session, left at relays while the contact is not heard of.
 *
 * - Nothing is settled by custody: only a receipt of the contact itself does, as an ack does in a session. Until then
 *   the ring keeps the records, and without a receipt all is left again, at the next relay in turn or there anew.
 * - What lies at relays is marked in the ring, so that a restart leaves it there; the mark is a hint, never a proof.
 * - Whatever goes wrong, the cursor is rewound and packing begins again behind the mark.
 */
export class Posting {
  readonly #parts: PostingParts;
  #mark: Position | null;
  #isReady = false;
  #beginAt: Instant = never;
  /** The contact has been looked for long enough. */
  #isQuiet = false;
  #pausedUntil: Instant = never;
  #failures = 0;
  /** Which relay is tried first. */
  #turn = 0;
  #repostAt: Instant = never;
  #patience = 0;
  #askedFor: Instant = never;
  #packer: Packer | null = null;
  #isFirst = false;
  #from = 0;
  #recap: Recap | null = null;
  #gatherAt: Instant = never;
  #underWay: Left[] = [];
  #letterId = 0;
  /** Where the last letter lies. */
  relay: PublicKey | null = null;

  constructor(parts: PostingParts) {
    this.#parts = parts;
    const mark = markLayout.decode(parts.options.mark ?? new Uint8Array(0));
    this.#mark = isRefusal(mark) ? null : { ...mark, sequence: sequence(mark.sequence) };
  }

  get deadline(): Instant {
    if (!this.#isReady) return never;
    return Math.min(this.#beginAt, this.#pausedUntil, this.#repostAt, this.#gatherAt) as Instant;
  }

  /** Something lies at relays, or is on its way there, of which no receipt has come. */
  get isOwed(): boolean {
    return this.#stored > 0 || this.#underWay.length > 0 || (this.#packer?.open ?? 0) > 0;
  }

  /** Up to where letters lie at relays; null: nothing does. */
  get stored(): Position | null {
    return this.#stored > 0 ? this.#mark : null;
  }

  get #stored(): number {
    return Math.max(0, (this.#mark?.sequence ?? 0) - this.#parts.settlement.settled.place.sequence);
  }

  /** A relay of the contact's is, or is not, within reach. */
  relays(isReady: boolean): void {
    this.#isReady = isReady;
  }

  /** There is a session: nothing goes by relays. True: the cursor has to be rewound. */
  suspend(): boolean {
    const wasBusy = this.#packer !== null || this.#recap !== null;
    this.drop();
    this.#beginAt = never;
    this.#isQuiet = false;
    this.#pausedUntil = never;
    this.#repostAt = never;
    return wasBusy;
  }

  /** Goes on: `may`: the cursor may have something. The answer: what the stream has to do. */
  proceed(now: Instant, may: boolean, isDone: boolean): 'rewind' | 'read' | null {
    if (this.#recap !== null) return may ? 'read' : null;
    if (this.#isReady && this.#beginAt <= now) {
      this.#beginAt = never;
      this.#isQuiet = true;
    }
    if (this.#isReady && this.#pausedUntil <= now) this.#pausedUntil = never;
    if (this.#isReady && this.#repostAt <= now) {
      this.#again();
      return 'rewind';
    }
    if (this.#packer === null) return this.#mayBegin(now, may) ? 'rewind' : null;
    this.#pump(now, isDone);
    return may && this.#packer.ready.length === 0 && this.#underWay.length < lettersUnderWay ? 'read' : null;
  }

  items(items: readonly (MessageRecord | GapRecord)[], may: boolean, now: Instant): 'rewind' | null {
    if (this.#recap !== null) return this.#goOver(this.#recap, items, may, now);
    this.#packer?.add(items.filter((item) => (item.kind === 'gap' ? item.to : item.sequence) > this.#from));
    return null;
  }

  /** What became of a letter. */
  left(id: number, relay: PublicKey | null, waitSeconds: number, now: Instant): 'rewind' | null {
    const letter = this.#underWay.find((one) => one.id === id);
    if (letter === undefined) return null;
    if (relay === null) return this.#failed(waitSeconds, now);
    letter.isStored = true;
    this.relay = relay;
    this.#failures = 0;
    let last: Position | null = null;
    for (let head = this.#underWay[0]; head?.isStored === true; head = this.#underWay[0]) {
      this.#underWay.shift();
      last = head.last;
    }
    if (last === null) return null;
    this.#setMark(last);
    if (this.#repostAt === never) this.#awaitReceipt(now);
    const { to, lane } = this.#parts.options;
    this.#parts.outbox.report({ kind: 'left', to, lane, upTo: last.sequence, relay });
    return null;
  }

  /** The contact's own word of how far it is. */
  receipt(frame: Receipt, now: Instant): 'rewind' | null {
    const { settlement, options } = this.#parts;
    settlement.farRefused = Math.max(settlement.farRefused, frame.refused);
    const asked = frame.missing === 1 && this.#mayBeAsked(now);
    if (asked) {
      this.#setMark(null);
      this.#turn++;
    }
    const recap = Recap.of(frame, settlement.settled.place, options.rule);
    if (recap === null && !asked) return null;
    this.drop();
    this.#recap = recap;
    if (asked) this.#isQuiet = true;
    return 'rewind';
  }

  /** A liar that plays an old receipt over and over gets one answer in half a minute. */
  #mayBeAsked(now: Instant): boolean {
    if (this.#askedFor !== never && this.#askedFor > now) return false;
    this.#askedFor = after(now, shortestPause);
    return true;
  }

  #mayBegin(now: Instant, may: boolean): boolean {
    if (!may) return false;
    if (!this.#isQuiet && this.#beginAt === never) this.#beginAt = after(now, quietFor);
    if (!this.#isReady || !this.#isQuiet || this.#pausedUntil !== never) return false;
    if (this.#stored > 0 && this.#repostAt === never) this.#awaitReceipt(now);
    this.#begin();
    return true;
  }

  #begin(): void {
    const { options, course, settlement } = this.#parts;
    const { place } = settlement.settled;
    const mark = this.#stored > 0 ? this.#mark : null;
    const start = mark ?? place;
    this.#isFirst = mark === null;
    this.#from = start.sequence;
    this.#packer = new Packer(course, noToken, options.lives.present.epoch, start, options.rule);
  }

  #pump(now: Instant, isDone: boolean): void {
    const packer = this.#packer;
    if (packer === null) return;
    if (packer.open === 0 || !isDone) this.#gatherAt = never;
    else if (this.#gatherAt === never) this.#gatherAt = this.#parts.options.lane === 0 ? now : after(now, gatherFor);
    if (this.#gatherAt <= now) {
      packer.close();
      this.#gatherAt = never;
    }
    while (this.#underWay.length < lettersUnderWay) {
      const batch = packer.ready.shift();
      if (batch === undefined) return;
      if (this.#isFirst) batch.payload[flagsAt] = firstFlag;
      this.#isFirst = false;
      const id = ++this.#letterId;
      this.#underWay.push({ id, last: batch.last, isStored: false });
      const { lane } = this.#parts.options;
      const slot = `batch/${lane}/${batch.first}`;
      this.#parts.outbox.push({ kind: 'leave', id, payload: batch.payload, slot, turn: this.#turn });
    }
  }

  #goOver(recap: Recap, items: readonly (MessageRecord | GapRecord)[], may: boolean, now: Instant): 'rewind' | null {
    const { outbox, settlement, options } = this.#parts;
    const known = recap.add(items);
    if (known !== null) {
      const { place, records, skipped } = known;
      outbox.push(settlement.settle(place.sequence, place, records, skipped));
      outbox.report({ kind: 'acked', to: options.to, lane: options.lane, upTo: place.sequence });
      this.#patience = 0;
      if (this.#stored > 0) this.#awaitReceipt(now);
      else this.#repostAt = never;
    }
    if (may && !recap.beyond) return null;
    this.#recap = null;
    return 'rewind';
  }

  #failed(waitSeconds: number, now: Instant): 'rewind' {
    const { fraction } = this.#parts.options;
    const wait = Math.min(longestPause, shortestPause * 2 ** Math.min(this.#failures++, 8));
    const pause = Math.max(Math.min(waitSeconds * 1000, longestPause), wait) * (0.75 + fraction() / 2);
    this.drop();
    this.#pausedUntil = after(now, milliseconds(pause));
    return 'rewind';
  }

  #again(): void {
    this.drop();
    this.#setMark(null);
    this.#repostAt = never;
    this.#patience++;
    this.#turn++;
    this.#isQuiet = true;
  }

  #awaitReceipt(now: Instant): void {
    const wait = Math.min(longestPatience, shortestPatience * 2 ** Math.min(this.#patience, 10));
    this.#repostAt = after(now, milliseconds(wait * (0.75 + this.#parts.options.fraction() / 2)));
  }

  #setMark(mark: Position | null): void {
    this.#mark = mark;
    this.#parts.outbox.push({ kind: 'mark', value: mark === null ? null : markLayout.encode(mark) });
  }

  /** The cursor is rewound: packing begins again behind the mark. */
  drop(): void {
    this.#packer = null;
    this.#recap = null;
    this.#underWay = [];
    this.#gatherAt = never;
  }
}
