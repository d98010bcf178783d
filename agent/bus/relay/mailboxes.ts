import type { Instant, Machine, PublicKey, Sequence } from '#kernel';
import { after, instant, milliseconds, minutes, never, seconds, unreachable } from '#kernel';
import type { RelayBody, RelayFrame, RelaySaying, Verdict } from './frame.ts';
import { announcementLimit, verdicts } from './frame.ts';
import { HandOver } from './hand-over.ts';
import type { Filed, MailboxEffect, MailboxEvent, MailboxOptions, RelayCounters } from './mailbox-events.ts';
import { noCounts } from './mailbox-events.ts';
import { Quotas } from './quotas.ts';
import { Shelf } from './shelf.ts';

const sweepEvery = minutes(1);
/** Who has been told which announcement in this life. */
const toldLimit = 4096;
/** What a refused depositor waits before it asks again. */
const waitSeconds = { full: 300, busy: 5, no: 3600 } as const;

interface Mailbox {
  readonly shelf: Shelf;
  readonly handOver: HandOver;
  emptySince: Instant | null;
}

/** A deposit that is staged and not yet durable. */
interface Staged {
  readonly sequence: Sequence;
  readonly depositor: PublicKey;
  readonly recipient: PublicKey;
  readonly ref: string;
}

export interface MailboxStatus {
  readonly recipient: PublicKey;
  readonly letters: number;
  readonly bytes: number;
  readonly oldestAgeMs: number | null;
}

/**
 * A relay: holds letters for those who sleep.
 *
 * - Custody is told only of what is durable here.
 * - A letter goes when its recipient has taken it, when its depositor replaces it, or when it is too old; a mailbox that
 *   is full refuses, and nothing of one depositor ever displaces what another has left.
 * - Nothing is sent to anybody who is neither allowed nor, in an open relay, has asked.
 */
export class Mailboxes implements Machine<MailboxEvent, MailboxEffect> {
  readonly counters: RelayCounters = noCounts();
  readonly quotas: Quotas;
  readonly #options: MailboxOptions;
  readonly #boxes = new Map<PublicKey, Mailbox>();
  readonly #told = new Map<string, Uint8Array>();
  #staged: Staged[] = [];
  #isReady = false;
  #sweepAt: Instant = never;
  #effects: MailboxEffect[] = [];

  constructor(options: MailboxOptions) {
    this.#options = options;
    this.quotas = new Quotas(options.limits);
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  deadline(): Instant {
    let earliest = this.#sweepAt;
    for (const { handOver } of this.#boxes.values()) if (handOver.deadline < earliest) earliest = handOver.deadline;
    return earliest;
  }

  step(event: MailboxEvent, now: Instant): readonly MailboxEffect[] {
    this.#effects = [];
    this.#handle(event, now);
    return this.#effects;
  }

  status(now: Instant): MailboxStatus[] {
    return [...this.#boxes.values()].map(({ shelf }) => ({
      recipient: shelf.recipient,
      letters: shelf.live,
      bytes: shelf.liveBytes,
      oldestAgeMs: shelf.oldest === undefined ? null : now - shelf.oldest.bornAt,
    }));
  }

  #handle(event: MailboxEvent, now: Instant): void {
    switch (event.kind) {
      case 'found':
        this.#found(event.recipient, event.letters, now);
        break;
      case 'ready':
        this.#isReady = true;
        this.#sweepAt = after(now, seconds(1));
        break;
      case 'frame':
        this.#frame(event.frame, now);
        break;
      case 'durable':
        this.#durable(event.upTo, now);
        break;
      case 'items':
        this.#boxes.get(event.recipient)?.handOver.items(event.items, event.more, now);
        break;
      case 'route':
        this.#boxes.get(event.to)?.handOver.route(event.reachable, now);
        break;
      case 'timer':
        this.#timer(now);
        break;
      default:
        unreachable(event);
    }
  }

  #found(recipient: PublicKey, letters: readonly Filed[], now: Instant): void {
    const { shelf } = this.#box(recipient);
    for (const filed of letters) this.#shelve(shelf, filed, now);
    this.#release(shelf);
    this.#effects.push({ kind: 'look', to: recipient });
  }

  #shelve(shelf: Shelf, filed: Filed, now: Instant): boolean {
    const { sequence, place, depositor, slot, isStranger, envelope, ageMs } = filed;
    const bornAt = instant(now - ageMs);
    return shelf.add({ sequence, place, depositor, slot, isStranger, bytes: envelope.length, bornAt, isLive: true });
  }

  #box(recipient: PublicKey): Mailbox {
    const known = this.#boxes.get(recipient);
    if (known !== undefined) return known;
    const shelf = new Shelf(recipient, this.quotas);
    const { counters } = this;
    const { fraction } = this.#options;
    const handOver = new HandOver({ shelf, counters, fraction, push: (effect) => this.#effects.push(effect) });
    const box = { shelf, handOver, emptySince: null };
    this.#boxes.set(recipient, box);
    return box;
  }

  #frame(frame: RelayFrame, now: Instant): void {
    const { from } = frame;
    if (this.#options.standing(from) === 'nobody') {
      this.counters.unknownSender++;
      if (frame.kind === 'deposit') this.#answer(from, frame.says.ref, 'not-allowed');
      return;
    }
    if (frame.kind === 'deposit') this.#deposit(from, frame.says, now);
    else if (frame.kind === 'collect') this.#collect(from, frame.says.ref, now);
    else if (frame.kind === 'taken') this.#taken(from, frame.says, now);
    else if (frame.kind === 'announce') this.#announced(from, frame.says);
    else if (frame.kind === 'ask') this.#tell(from, frame.says.of, true);
  }

  #deposit(from: PublicKey, { ref, recipient, slot, envelope }: RelayBody<'deposit'>, now: Instant): void {
    const standing = this.#options.standing(recipient);
    const isStranger = standing === 'stranger' || this.#options.standing(from) === 'stranger';
    const refusal = this.#refusal(from, recipient, envelope.length, isStranger);
    if (refusal !== null) return this.#answer(from, ref, refusal);
    const filed = this.#options.file({ recipient, depositor: from, slot, isStranger, envelope });
    if (filed === null) return this.#answer(from, ref, 'busy');
    const isNew = !this.#boxes.has(recipient);
    const { shelf } = this.#box(recipient);
    const bytes = envelope.length;
    const { sequence, place } = filed;
    const letter = { sequence, place, depositor: from, slot, isStranger, bytes, bornAt: now, isLive: true };
    if (shelf.add(letter)) this.counters.replaced++;
    this.counters.deposits++;
    this.#staged.push({ sequence, depositor: from, recipient, ref });
    if (isNew) this.#effects.push({ kind: 'look', to: recipient });
    return undefined;
  }

  #refusal(from: PublicKey, recipient: PublicKey, bytes: number, isStranger: boolean): Verdict | null {
    if (this.#options.standing(recipient) === 'nobody') return 'not-allowed';
    if (!this.#isReady) return 'busy';
    if (!this.#boxes.has(recipient) && this.#boxes.size >= this.#options.limits.clients) return 'full';
    return this.quotas.refusal(from, recipient, bytes, isStranger);
  }

  #answer(to: PublicKey, ref: string, verdict: Verdict): void {
    if (verdict !== 'stored') this.counters.refused[verdict]++;
    this.#send(to, {
      kind: 'custody',
      says: { ref, verdict: verdicts.indexOf(verdict), waitSeconds: this.#waitOf(verdict) },
    });
  }

  #waitOf(verdict: Verdict): number {
    if (verdict === 'stored') return 0;
    if (verdict === 'busy') return waitSeconds.busy;
    return verdict === 'not-allowed' || verdict === 'too-large' ? waitSeconds.no : waitSeconds.full;
  }

  #durable(upTo: Sequence, now: Instant): void {
    const done = this.#staged.filter(({ sequence }) => sequence <= upTo);
    if (done.length === 0) return;
    this.#staged = this.#staged.filter(({ sequence }) => sequence > upTo);
    for (const { depositor, recipient, ref } of done) {
      this.#answer(depositor, ref, 'stored');
      this.#tell(depositor, recipient);
      const box = this.#boxes.get(recipient);
      if (box === undefined) continue;
      this.#release(box.shelf);
      box.handOver.arrived(now);
    }
  }

  #collect(from: PublicKey, ref: string, now: Instant): void {
    const box = this.#boxes.get(from);
    if (box === undefined) this.#send(from, { kind: 'emptied', says: { ref, left: 0 } });
    else {
      box.handOver.reachable = true;
      box.handOver.collect(ref, now);
    }
  }

  #taken(from: PublicKey, { place, keep }: RelayBody<'taken'>, now: Instant): void {
    const box = this.#boxes.get(from);
    if (box === undefined) return;
    const letter = box.shelf.ofPlace(place);
    if (keep === 0 && letter?.isLive === true) {
      this.counters.taken++;
      box.shelf.end(letter);
      this.#release(box.shelf);
    }
    if (keep === 0 || letter !== undefined) box.handOver.answered(place, keep === 1, now);
  }

  #release(shelf: Shelf): void {
    const to = shelf.release();
    if (to !== null) this.#effects.push({ kind: 'settle', recipient: shelf.recipient, to });
  }

  /** Only of itself, and none that is older than what is here: an overlay message may come again. */
  #announced(from: PublicKey, { of, announcement }: RelayBody<'announce'>): void {
    if (of !== from || announcement.length > announcementLimit) return;
    const known = this.#options.announcement(of);
    if (known !== undefined && epochOf(known) > epochOf(announcement)) return;
    if (known !== undefined && Buffer.compare(known, announcement) === 0) return;
    if (this.#options.announce(of, announcement)) this.counters.announcements++;
  }

  /** The newest announcement of a client, to who asks or has not been told that one. */
  #tell(to: PublicKey, of: PublicKey, isAsked = false): void {
    const announcement = this.#options.announcement(of);
    const key = `${to}/${of}`;
    if (announcement === undefined || (!isAsked && this.#told.get(key) === announcement)) return;
    this.#told.delete(key);
    this.#told.set(key, announcement);
    const [oldest] = this.#told.keys();
    if (this.#told.size > toldLimit && oldest !== undefined) this.#told.delete(oldest);
    this.#send(to, { kind: 'announce', says: { of, announcement } });
  }

  #send(to: PublicKey, saying: RelaySaying): void {
    this.#effects.push({ kind: 'send', to, saying });
  }

  #timer(now: Instant): void {
    if (this.#sweepAt <= now) this.#sweep(now);
    for (const { handOver } of this.#boxes.values())
      if (handOver.deadline <= now) handOver.timer(now, this.#options.token);
  }

  /** What is too old goes; a mailbox that has stayed empty for an hour is closed. */
  #sweep(now: Instant): void {
    this.#sweepAt = after(now, sweepEvery);
    const bornBefore = instant(now - this.#options.limits.age);
    for (const [recipient, box] of this.#boxes) {
      this.counters.expired += box.shelf.expire(bornBefore);
      this.#release(box.shelf);
      const isEmpty = box.shelf.size === 0 && box.handOver.isIdle;
      if (!isEmpty) box.emptySince = null;
      else if (box.emptySince === null) box.emptySince = now;
      else if (now - box.emptySince > emptyFor) {
        this.#boxes.delete(recipient);
        this.#effects.push({ kind: 'close', recipient });
      }
    }
  }
}

const emptyFor = milliseconds(3_600_000);

/** Announcements are ordered by their epoch alone (SEAL.md §2): a u32 behind version, kind and two keys. */
const epochOf = (announcement: Uint8Array): number =>
  announcement.length < 70 ? 0 : Buffer.from(announcement.buffer, announcement.byteOffset).readUInt32BE(66);
