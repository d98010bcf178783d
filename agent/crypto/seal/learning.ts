import type { PublicKey } from '#kernel';
import { type Announcement, readAnnouncement, readRenewal, renewed } from './announcement.ts';
import { type Answers, alarm } from './answers.ts';
import type { Contact } from './contact.ts';
import type { House } from './house.ts';
import { currentSuite } from './suite.ts';
import type { SealEffect } from './types.ts';

const nothing: readonly SealEffect[] = [];
/** Between two leaps of our epoch that others caused: two live clones would drive each other on. */
export const leapEveryMs = 600_000;

/**
 * What announcements mean. Higher epochs win, lower ones are ignored (and echoed, to who sent them himself); the same
 * epoch with another key says that an identity runs twice. An echo of our own that is newer than we are says that we do,
 * or that an old image was restored: then we go beyond it.
 */
export class Learning {
  readonly #house: House;
  readonly #answers: Answers;
  #nextLeapMs = 0;
  /** The epoch that the next receive-key must have at least. */
  leapTo = 0;
  /** Who told us of our own newer announcement: they hear of the next one at once. */
  readonly owed = new Set<PublicKey>();

  constructor(house: House, answers: Answers) {
    this.#house = house;
    this.#answers = answers;
  }

  /** `isFirstHand`: the contact itself has just said so. Null: no announcement of it (or, as an echo, of ours). */
  learn(contact: Contact, bytes: Uint8Array, isFirstHand: boolean): readonly SealEffect[] | null {
    const announcement = readAnnouncement(this.#house.derivations, contact.open, bytes);
    if (announcement !== null) return this.#of(contact, announcement, isFirstHand);
    const own = readAnnouncement(this.#house.derivations, this.#house.node.open, bytes);
    return own === null ? null : this.ofOurselves(own, contact);
  }

  /** A renewal inside an envelope of the contact; what it leaves out is known, or it is of no use yet. */
  renew(contact: Contact, bytes: Buffer): { readonly size: number; readonly effects: readonly SealEffect[] } | null {
    const read = readRenewal(bytes);
    if (read === null) return null;
    if (contact.announcement === null) return { size: read.size, effects: this.#answers.own(contact, 'reply') };
    const whole = renewed(contact.announcement.bytes, read.renewal);
    return { size: read.size, effects: this.learn(contact, whole, true) ?? nothing };
  }

  ofOurselves(own: Announcement, teller: Contact | null): readonly SealEffect[] {
    const { receiveKeys, derivations, nowMs, counters } = this.#house;
    const current = receiveKeys.current?.epoch ?? 0;
    const id = derivations.keyId(own.receiveKey).toString('hex');
    if (own.epoch < current || receiveKeys.byId(id) !== undefined) return nothing;
    if (own.epoch === receiveKeys.pending?.epoch && id === receiveKeys.pending.id) return nothing;
    if (teller !== null) this.owed.add(teller.key);
    if (own.epoch < this.leapTo || nowMs < this.#nextLeapMs) return nothing;
    this.#nextLeapMs = nowMs + leapEveryMs;
    this.leapTo = own.epoch + 1;
    receiveKeys.want();
    counters.alarms++;
    return [alarm(own.epoch === current ? 'fork' : 'restored', null, own.epoch)];
  }

  #of(contact: Contact, found: Announcement, isFirstHand: boolean): readonly SealEffect[] {
    const known = contact.announcement;
    if (known === null) return this.#take(contact, found, nothing);
    if (!known.verifier.equals(found.verifier)) return this.#alarm('changed-signing-key', contact, found);
    if (found.epoch > known.epoch) return this.#take(contact, found, [reseal(contact, found)]);
    if (found.epoch < known.epoch) return isFirstHand ? this.#answers.echo(contact, known.bytes) : nothing;
    if (found.receiveKey.equals(known.receiveKey)) return nothing;
    return this.#fork(contact, known, found, isFirstHand);
  }

  /** The larger key wins, everywhere; who announced hears of the other one. */
  #fork(contact: Contact, known: Announcement, found: Announcement, isFirstHand: boolean): readonly SealEffect[] {
    const isLarger = Buffer.compare(found.receiveKey, known.receiveKey) > 0;
    const told = isFirstHand ? this.#answers.echo(contact, known.bytes) : nothing;
    const alarms = this.#alarm('fork', contact, found);
    if (!isLarger) return [...alarms, ...told];
    return this.#take(contact, found, [...alarms, reseal(contact, found), ...told]);
  }

  #take(contact: Contact, found: Announcement, effects: readonly SealEffect[]): readonly SealEffect[] {
    contact.announcement = found;
    contact.learnedMs = this.#house.nowMs;
    contact.suiteMin = Math.max(contact.suiteMin, Math.min(found.suite, currentSuite));
    this.#house.contactsChanged = 'soon';
    return effects;
  }

  #alarm(what: 'fork' | 'changed-signing-key', contact: Contact, { epoch }: Announcement): readonly SealEffect[] {
    this.#house.counters.alarms++;
    return [alarm(what, contact.key, epoch)];
  }
}

const reseal = ({ key }: Contact, { epoch }: Announcement): SealEffect => ({ kind: 'reseal', contact: key, epoch });
