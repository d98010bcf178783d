import { timingSafeEqual } from 'node:crypto';
import { bufferOver, type PublicKey } from '#kernel';
import { announcementSize } from './announcement.ts';
import { type Answers, answerBit, readAnswer } from './answers.ts';
import type { Contact } from './contact.ts';
import type { ReceiveContext } from './contexts.ts';
import {
  at,
  type EnvelopeKind,
  envelopeKind,
  innerBytes,
  innerFlag,
  isToIdentity,
  readHeader,
  tagBytes,
} from './envelope.ts';
import type { House } from './house.ts';
import { keyBytes } from './keys.ts';
import type { Learning } from './learning.ts';
import { contextInfo } from './outward.ts';
import { SearchLimit } from './search-limit.ts';
import { currentSuite } from './suite.ts';
import type { OpenOptions, SealEffect, SealRefusal, SealRefusalReason, Unsealed } from './types.ts';
import { sealWords } from './words.ts';

const nothing: readonly SealEffect[] = [];
const recentLimit = 32;

/** Opens envelopes: cheap refusals first, Diffie-Hellman only for who knows the pair's secret, policy on every one. */
export class Inward {
  readonly #house: House;
  readonly #answers: Answers;
  readonly #learning: Learning;
  readonly #searches = new SearchLimit();
  /** Tried first when the sender is not known. */
  readonly #recent = new Set<PublicKey>();
  readonly #hint = Buffer.alloc(keyBytes);
  readonly #messageKey = Buffer.alloc(keyBytes);

  constructor(house: House, answers: Answers, learning: Learning) {
    this.#house = house;
    this.#answers = answers;
    this.#learning = learning;
  }

  open(envelope: Uint8Array, options: OpenOptions): Unsealed | SealRefusal {
    const bytes = bufferOver(envelope);
    const header = readHeader(bytes);
    if (header === null) return this.#refuse('malformed');
    if (header.suite > currentSuite || header.suite === 0) return this.#refuse('unknown-suite');
    const name = bytes.toString('latin1', 0, at.salt);
    const held = this.#house.receiving.get(name);
    if (held === undefined) return this.#openFresh(bytes, name, header.kind, options);
    const contact = this.#house.contacts.get(held.contact);
    if (contact === undefined || (options.from ?? held.contact) !== held.contact) return this.#refuse('unknown-sender');
    return this.#policy(contact, header.kind, options) ?? this.#openWith(held, contact, bytes);
  }

  #openFresh(bytes: Buffer, name: string, kind: EnvelopeKind, options: OpenOptions): Unsealed | SealRefusal {
    const contact = this.#senderOf(bytes, options);
    if (typeof contact === 'string') return this.#refuse(contact);
    const refused = this.#policy(contact, kind, options);
    if (refused !== null) return refused;
    const id = bytes.toString('hex', at.keyId, at.enc);
    const receiveKey = isToIdentity(kind) ? null : this.#house.receiveKeys.byId(id);
    const isKnown = receiveKey === null ? this.#house.ownKeyId.toString('hex') === id : receiveKey !== undefined;
    if (receiveKey === undefined || !isKnown) {
      return this.#refuse('unknown-key', this.#answers.own(contact, 'refusal', answerBit.unknownKey));
    }
    const own = receiveKey ?? { secret: this.#house.node.secret, open: this.#house.node.open, epoch: 0 };
    const key = this.#agree(contact, kind, bytes, own);
    if (key === null) return this.#refuse('forged');
    const context = { contact: contact.key, kind, epoch: own.epoch, keyId: receiveKey?.id ?? null, key };
    const opened = this.#openWith(context, contact, bytes);
    if (opened.ok && kind !== envelopeKind.answer) this.#house.receiving.put(name, context);
    else this.#house.derivations.backend.wipe(key);
    return opened;
  }

  /** Two Diffie-Hellman operations. */
  #agree(
    contact: Contact,
    kind: EnvelopeKind,
    bytes: Buffer,
    own: { readonly secret: Buffer; readonly open: Buffer; readonly epoch: number },
  ): Buffer | null {
    const { derivations, hpke, node, counters } = this.#house;
    const pair = this.#house.pairOf(contact);
    if (pair === null) return null;
    counters.freshOpens++;
    const enc = Buffer.from(bytes.subarray(at.enc, at.hint));
    const info = contextInfo(kind, own.epoch, contact.open, node.open);
    const shared = { sender: contact.open, info, psk: pair.psk, pskId: sealWords.pair };
    const exporter = hpke.receive({ enc, secret: own.secret, open: own.open, ...shared });
    if (exporter === null) return null;
    const key = Buffer.alloc(keyBytes);
    exporter.export(key, sealWords.batch);
    derivations.backend.wipe(exporter.secret);
    return key;
  }

  #openWith(context: ReceiveContext, contact: Contact, bytes: Buffer): Unsealed | SealRefusal {
    const { backend } = this.#house.derivations;
    const plain = Buffer.allocUnsafeSlow(bytes.length - at.sealed - tagBytes);
    backend.prf(this.#messageKey, context.key, bytes.subarray(at.salt, at.sealed));
    const sealed = bytes.subarray(at.sealed);
    const isGood = backend.decrypt(plain, sealed, bytes.subarray(0, at.sealed), this.#messageKey);
    backend.wipe(this.#messageKey);
    if (!isGood || plain.readUInt32BE(1) !== context.epoch) return this.#refuse('forged');
    return this.#read(context, contact, plain);
  }

  /** From here on the sender is proven. */
  #read(context: ReceiveContext, contact: Contact, plain: Buffer): Unsealed | SealRefusal {
    const part = this.#announced(contact, plain);
    if (part === null) return this.#refuse('malformed');
    const inner = plain.subarray(innerBytes + part.size);
    this.#note(context, contact, plain);
    const isAnswer = context.kind === envelopeKind.answer;
    const effects = isAnswer ? this.#answer(contact, inner) : part.effects;
    if (effects === null) return this.#refuse('malformed');
    this.#house.counters.opened++;
    const kind = isAnswer ? null : context.kind === envelopeKind.control ? 'control' : 'data';
    const payload = isAnswer ? Buffer.alloc(0) : inner;
    return { ok: true, from: contact.key, kind, inner: payload, forwardSecret: context.keyId !== null, effects };
  }

  /** Null when it is cut short, or flagged in a way that this version does not know. */
  #announced(
    contact: Contact,
    plain: Buffer,
  ): { readonly size: number; readonly effects: readonly SealEffect[] } | null {
    const rest = plain.subarray(innerBytes);
    switch (plain[0]) {
      case 0:
        return { size: 0, effects: nothing };
      case innerFlag.renewal:
        return this.#learning.renew(contact, rest);
      case innerFlag.announcement: {
        const size = announcementSize(rest);
        if (size === null || size > rest.length) return null;
        return { size, effects: this.#learning.learn(contact, rest.subarray(0, size), true) ?? nothing };
      }
      default:
        return null;
    }
  }

  #answer(contact: Contact, payload: Buffer): readonly SealEffect[] | null {
    const answer = readAnswer(payload);
    if (answer === null) return null;
    const effects = answer.announcements.flatMap((bytes) => this.#learning.learn(contact, bytes, true) ?? nothing);
    if ((answer.bits & answerBit.wantsYours) === 0) return effects;
    return [...effects, ...this.#answers.own(contact, 'reply')];
  }

  #note({ keyId, epoch }: ReceiveContext, contact: Contact, plain: Buffer): void {
    this.#recent.delete(contact.key);
    this.#recent.add(contact.key);
    const [oldest] = this.#recent;
    if (this.#recent.size > recentLimit && oldest !== undefined) this.#recent.delete(oldest);
    if (keyId === null) return;
    const house = this.#house;
    const key = house.receiveKeys.byId(keyId);
    if (key !== undefined) house.receiveKeys.used(key, plain.length);
    const drained = Math.min(plain.readUInt32BE(5), house.receiveKeys.current?.epoch ?? 0);
    const isNew = epoch > contact.lastUsed || drained > contact.drained;
    if (isNew && house.contactsChanged === 'no') house.contactsChanged = 'later';
    if (!contact.isSticky) house.contactsChanged = 'soon';
    contact.isSticky = true;
    contact.lastUsed = Math.max(contact.lastUsed, epoch);
    contact.drained = Math.max(contact.drained, drained);
  }

  #policy(contact: Contact, kind: EnvelopeKind, options: OpenOptions): SealRefusal | null {
    if (currentSuite < contact.suiteMin) return this.#refuse('suite-downgrade');
    if (kind !== envelopeKind.dataToIdentity) return null;
    if (!contact.isSticky && options.policy !== 'require') return null;
    return this.#refuse('downgrade', this.#answers.own(contact, 'refusal', answerBit.unknownKey));
  }

  /** Whose hint it is. A filter against floods, not a proof. */
  #senderOf(bytes: Buffer, options: OpenOptions): Contact | SealRefusalReason {
    if (options.from !== undefined) {
      const contact = this.#house.contacts.get(options.from);
      return contact !== undefined && this.#isHintOf(contact, bytes) ? contact : 'unknown-sender';
    }
    const source = options.source ?? '';
    if (!this.#searches.take(source, this.#house.nowMs)) return 'rate-limited';
    for (const contact of this.#candidates()) {
      if (!this.#isHintOf(contact, bytes)) continue;
      this.#searches.giveBack(source);
      return contact;
    }
    return 'unknown-sender';
  }

  *#candidates(): Iterable<Contact> {
    for (const key of [...this.#recent].reverse()) {
      const contact = this.#house.contacts.get(key);
      if (contact !== undefined) yield contact;
    }
    for (const contact of this.#house.contacts.values()) if (!this.#recent.has(contact.key)) yield contact;
  }

  #isHintOf(contact: Contact, bytes: Buffer): boolean {
    const pair = this.#house.pairOf(contact);
    if (pair === null) return false;
    this.#house.derivations.backend.prf(this.#hint, pair.hintIn, bytes.subarray(0, at.hint));
    const isEqual = timingSafeEqual(this.#hint.subarray(0, at.salt - at.hint), bytes.subarray(at.hint, at.salt));
    this.#hint.fill(0);
    return isEqual;
  }

  #refuse(reason: SealRefusalReason, effects = nothing): SealRefusal {
    this.#house.count(reason);
    return { ok: false, reason, effects };
  }
}
