import type { PublicKey } from '#kernel';
import { announce } from './announcement.ts';
import { Answers } from './answers.ts';
import { type Contact, encodeContacts } from './contact.ts';
import { envelopeKind } from './envelope.ts';
import { House } from './house.ts';
import { Inward } from './inward.ts';
import { Learning } from './learning.ts';
import { Outward } from './outward.ts';
import type {
  OpenOptions,
  SealCounters,
  SealEffect,
  Sealed,
  SealedKind,
  Sealer,
  SealerOptions,
  SealFile,
  SealPolicy,
  SealRefusal,
  SealRefusalReason,
  SealStatus,
  Unsealed,
} from './types.ts';

const nothing: readonly SealEffect[] = [];
/** What is not urgent about contacts is written together. */
const gatherMs = 600_000;
const retryMs = 60_000;

/** Everything of FORMAT.md for one node, without a disk: see `openSealing` for that. */
export function createSealer(options: SealerOptions): Sealer {
  return new NodeSealer(options);
}

interface Storing {
  readonly ticket: number;
  readonly hasPendingKey: boolean;
}

class NodeSealer implements Sealer {
  readonly #house: House;
  readonly #outward: Outward;
  readonly #answers: Answers;
  readonly #learning: Learning;
  readonly #inward: Inward;
  readonly #storing: Record<SealFile, Storing | null> = { 'receive-keys': null, contacts: null };
  readonly #notBeforeMs: Record<SealFile, number> = { 'receive-keys': 0, contacts: 0 };
  #contactsSavedMs = 0;
  #tickets = 0;
  #hadDrain = false;

  constructor(options: SealerOptions) {
    this.#house = new House(options);
    this.#outward = new Outward(this.#house);
    this.#answers = new Answers(this.#house, this.#outward);
    this.#learning = new Learning(this.#house, this.#answers);
    this.#inward = new Inward(this.#house, this.#answers, this.#learning);
    this.#renewAnnouncement();
  }

  seal(to: PublicKey, inner: Uint8Array, kind: SealedKind, policy: SealPolicy): Sealed | SealRefusal {
    const contact = this.#house.contacts.get(to);
    if (contact === undefined) return this.#refuse('unknown-contact');
    const isKnown = contact.announcement !== null;
    if (!isKnown && (kind === 'control' || policy === 'require' || contact.isSticky)) {
      return this.#refuse('no-receive-key', this.#answers.own(contact, 'reply'));
    }
    const toIdentity = isKnown ? null : envelopeKind.dataToIdentity;
    const sealed = this.#outward.seal(contact, toIdentity ?? envelopeKind[kind], inner);
    if (sealed === null) return this.#refuse('unknown-contact');
    this.#house.counters.sealed++;
    return { ok: true, ...sealed, forwardSecret: isKnown };
  }

  open(envelope: Uint8Array, options: OpenOptions = {}): Unsealed | SealRefusal {
    return this.#inward.open(envelope, options);
  }

  announcement(): Uint8Array | null {
    return this.#outward.announcement;
  }

  learn(contact: PublicKey, announcement: Uint8Array): readonly SealEffect[] | null {
    const known = this.#house.contacts.get(contact);
    return known === undefined ? null : this.#learning.learn(known, announcement, false);
  }

  hello(to: PublicKey): readonly SealEffect[] {
    const contact = this.#house.contacts.get(to);
    return contact === undefined ? nothing : this.#answers.own(contact, 'reply');
  }

  know(contact: PublicKey): void {
    this.#house.know(contact);
  }

  forget(contact: PublicKey): void {
    this.#house.forget(contact);
  }

  status(key: PublicKey): SealStatus {
    const contact = this.#house.contacts.get(key);
    const outward = (contact?.announcement ?? null) !== null;
    const inward = (contact?.lastUsed ?? 0) > 0;
    const learnedMs = contact?.learnedMs ?? null;
    return {
      outward,
      inward,
      forwardSecret: outward && inward,
      epoch: contact?.announcement?.epoch ?? 0,
      ownEpoch: contact?.lastUsed ?? 0,
      sinceMs: learnedMs === null ? null : this.#house.nowMs - learnedMs,
    };
  }

  drained(key: PublicKey, belowEpoch: number): void {
    const contact = this.#house.contacts.get(key);
    if (contact === undefined || belowEpoch <= contact.ownDrained) return;
    contact.ownDrained = Math.min(belowEpoch, contact.announcement?.epoch ?? 0);
    if (this.#house.contactsChanged === 'no') this.#house.contactsChanged = 'later';
  }

  mailboxDrained(): void {
    const { receiveKeys } = this.#house;
    receiveKeys.mailboxDrained();
    if (!this.#hadDrain && (receiveKeys.current?.opened ?? 0) > 0) receiveKeys.want();
    this.#hadDrain = true;
  }

  rotate(): void {
    this.#house.receiveKeys.want();
  }

  forgetOldKeys(): void {
    this.#house.receiveKeys.deleteAllOld();
    this.#forgetContexts();
  }

  tick(): readonly SealEffect[] {
    const { receiveKeys, sending, nowMs } = this.#house;
    sending.expire(nowMs);
    if (receiveKeys.deleteOld(nowMs, (epoch) => this.#isNeeded(epoch)) > 0) this.#forgetContexts();
    return [...this.#receiveKeysTick(), ...this.#contactsTick()];
  }

  stored(ticket: number): readonly SealEffect[] {
    const file = this.#fileOf(ticket);
    if (file === null) return nothing;
    const hasPendingKey = this.#storing[file]?.hasPendingKey ?? false;
    this.#storing[file] = null;
    return hasPendingKey ? this.#rotated() : nothing;
  }

  storeFailed(ticket: number): void {
    const file = this.#fileOf(ticket);
    if (file === null) return;
    this.#storing[file] = null;
    this.#notBeforeMs[file] = this.#house.nowMs + retryMs;
    if (file === 'contacts') this.#house.contactsChanged = 'soon';
    else this.#house.receiveKeys.saveFailed();
  }

  get counters(): Readonly<SealCounters> {
    const { counters, receiveKeys, sending, receiving } = this.#house;
    counters.receiveKeysDeleted = receiveKeys.deleted;
    counters.contextsEvicted = sending.evicted + receiving.evicted;
    return counters;
  }

  get epoch(): number {
    return this.#house.receiveKeys.current?.epoch ?? 0;
  }

  close(): void {
    this.#house.close();
  }

  /** A contact may still have something for an epoch that it used and has not called drained. */
  #isNeeded(epoch: number): boolean {
    for (const { drained, lastUsed } of this.#house.contacts.values()) {
      if (drained <= epoch && epoch <= lastUsed) return true;
    }
    return false;
  }

  #receiveKeysTick(): readonly SealEffect[] {
    const { receiveKeys, nowMs } = this.#house;
    if (!this.#mayStore('receive-keys')) return nothing;
    if (receiveKeys.isRotationDue(nowMs)) {
      const next = (receiveKeys.current?.epoch ?? 0) + 1;
      receiveKeys.prepare(this.#house.chance(32), Math.max(next, this.#learning.leapTo), nowMs);
    }
    const isDue = receiveKeys.pending !== null || receiveKeys.isSaveDue(nowMs);
    return isDue ? [this.#store('receive-keys', receiveKeys.encode(nowMs))] : nothing;
  }

  #contactsTick(): readonly SealEffect[] {
    const house = this.#house;
    const isDue = house.contactsChanged === 'soon' || house.nowMs - this.#contactsSavedMs >= gatherMs;
    if (house.contactsChanged === 'no' || !isDue || !this.#mayStore('contacts')) return nothing;
    house.contactsChanged = 'no';
    this.#contactsSavedMs = house.nowMs;
    return [this.#store('contacts', encodeContacts(house.derivations, house.node.open, house.contacts.values()))];
  }

  #mayStore(file: SealFile): boolean {
    return this.#storing[file] === null && this.#house.nowMs >= this.#notBeforeMs[file];
  }

  #store(file: SealFile, bytes: Uint8Array): SealEffect {
    const ticket = ++this.#tickets;
    const hasPendingKey = file === 'receive-keys' && this.#house.receiveKeys.pending !== null;
    this.#storing[file] = { ticket, hasPendingKey };
    return { kind: 'store', file, bytes, ticket };
  }

  #fileOf(ticket: number): SealFile | null {
    if (this.#storing['receive-keys']?.ticket === ticket) return 'receive-keys';
    return this.#storing.contacts?.ticket === ticket ? 'contacts' : null;
  }

  /** The new key is durable: from now on it is announced. */
  #rotated(): readonly SealEffect[] {
    const house = this.#house;
    house.receiveKeys.commit(house.nowMs);
    house.counters.rotations++;
    if (this.epoch < this.#learning.leapTo) house.receiveKeys.want();
    const announcement = this.#renewAnnouncement();
    const owed = [...this.#learning.owed].flatMap((key) => house.contacts.get(key) ?? []);
    this.#learning.owed.clear();
    const told = owed.flatMap((contact: Contact) => this.#answers.own(contact, 'news'));
    return announcement === null ? told : [{ kind: 'announce', announcement, epoch: this.epoch }, ...told];
  }

  #renewAnnouncement(): Uint8Array | null {
    const { receiveKeys, derivations, node } = this.#house;
    const { current, bound } = receiveKeys;
    if (current === null) return null;
    this.#outward.announcement = announce(derivations, node, bound, current.epoch, current.open);
    return this.#outward.announcement;
  }

  #forgetContexts(): void {
    const { receiving, receiveKeys } = this.#house;
    receiving.forgetUnless((id) => receiveKeys.byId(id) !== undefined);
  }

  #refuse(reason: SealRefusalReason, effects = nothing): SealRefusal {
    this.#house.count(reason);
    return { ok: false, reason, effects };
  }
}
