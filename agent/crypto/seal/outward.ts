import { renewalOf } from './announcement.ts';
import type { Contact } from './contact.ts';
import type { SendContext } from './contexts.ts';
import {
  at,
  type EnvelopeKind,
  envelopeKind,
  innerBytes,
  innerFlag,
  isToIdentity,
  saltBytes,
  tagBytes,
  writeHeader,
} from './envelope.ts';
import type { House } from './house.ts';
import { keyBytes } from './keys.ts';
import { u32 } from './labels.ts';
import { sealWords } from './words.ts';

const none = Buffer.alloc(0);
const pskId = sealWords.pair;

/** Makes envelopes. One context serves many; answers have one each. */
export class Outward {
  readonly #house: House;
  /** Our announcement, once its key is durable. */
  announcement: Buffer | null = null;
  /** `random 32 | counter u64 | mac of the inner bytes 16`, from which a salt is made. */
  readonly #saltInput = Buffer.alloc(32 + 8 + tagBytes);
  readonly #derived = Buffer.alloc(keyBytes);

  constructor(house: House) {
    this.#house = house;
  }

  /** Null when a key of the contact gives no secret. */
  seal(contact: Contact, kind: EnvelopeKind, payload: Uint8Array): { envelope: Buffer; epoch: number } | null {
    const context = this.#contextFor(contact, kind);
    if (context === null) return null;
    context.count++;
    const [flag, part] = kind === envelopeKind.answer ? [0, none] : this.#announced(contact);
    const envelope = this.#envelope(context, payload, part);
    envelope[at.sealed] = flag;
    envelope.writeUInt32BE(context.epoch, at.sealed + 1);
    envelope.writeUInt32BE(contact.ownDrained, at.sealed + 5);
    this.#encrypt(context, envelope);
    if (kind === envelopeKind.answer) this.#wipe(context);
    return { envelope, epoch: context.epoch };
  }

  /** Room for everything, with the header, the announcement and the payload in their places. */
  #envelope(context: SendContext, payload: Uint8Array, part: Buffer): Buffer {
    const start = at.sealed + innerBytes;
    const envelope = Buffer.allocUnsafeSlow(start + part.length + payload.length + tagBytes);
    context.header.copy(envelope);
    part.copy(envelope, start);
    envelope.set(payload, start + part.length);
    return envelope;
  }

  /**
   * Equal keys would need equal salts, and those equal chance, counter and contents at once: the same envelope again. So a
   * clone, a snapshot of memory or a stuck source of chance gives nothing away but that two batches are the same.
   */
  #encrypt(context: SendContext, envelope: Buffer): void {
    const { backend } = this.#house.derivations;
    const inner = envelope.subarray(at.sealed, envelope.length - tagBytes);
    const input = this.#saltInput;
    this.#house.chance(32).copy(input);
    input.writeBigUInt64BE(BigInt(context.count), 32);
    backend.encrypt(input.subarray(40), none, inner, context.hashKey);
    backend.prf(this.#derived, context.saltKey, input);
    this.#derived.copy(envelope, at.salt, 0, saltBytes);
    backend.prf(this.#derived, context.key, envelope.subarray(at.salt, at.sealed));
    backend.encrypt(envelope.subarray(at.sealed), inner, envelope.subarray(0, at.sealed), this.#derived);
    backend.wipe(this.#derived);
    backend.wipe(input);
  }

  /** Ours goes along until the contact has used it: whole at first, then what is new of it. */
  #announced(contact: Contact): [flag: number, part: Buffer] {
    const { current } = this.#house.receiveKeys;
    if (this.announcement === null || current === null || contact.lastUsed >= current.epoch) return [0, none];
    if (contact.lastUsed === 0) return [innerFlag.announcement, this.announcement];
    return [innerFlag.renewal, renewalOf(this.announcement)];
  }

  #contextFor(contact: Contact, kind: EnvelopeKind): SendContext | null {
    const { announcement } = contact;
    const target = isToIdentity(kind) || announcement === null ? contact.open : announcement.receiveKey;
    const epoch = isToIdentity(kind) || announcement === null ? 0 : announcement.epoch;
    if (kind === envelopeKind.answer) return this.#newContext(contact, kind, target, epoch);
    const held = this.#house.sending.take(contact.key, kind, target, this.#house.nowMs);
    if (held !== null) return held;
    const made = this.#newContext(contact, kind, target, epoch);
    if (made !== null) this.#house.sending.put(made);
    return made;
  }

  #newContext(contact: Contact, kind: EnvelopeKind, target: Buffer, epoch: number): SendContext | null {
    const { derivations, hpke, node, counters } = this.#house;
    const { hmac, backend } = derivations;
    const pair = this.#house.pairOf(contact);
    if (pair === null) return null;
    const ephemeralIkm = Buffer.alloc(keyBytes);
    hmac.mac(ephemeralIkm, node.hedge, this.#house.chance(32), target);
    const enc = Buffer.alloc(keyBytes);
    const info = contextInfo(kind, epoch, node.open, contact.open);
    const sender = { secret: node.secret, open: node.open };
    const exporter = hpke.send(enc, { recipient: target, ephemeralIkm, sender, info, psk: pair.psk, pskId });
    backend.wipe(ephemeralIkm);
    if (exporter === null) return null;
    counters.freshSeals++;
    const [key, saltKey, hashKey] = [Buffer.alloc(keyBytes), Buffer.alloc(keyBytes), Buffer.alloc(keyBytes)];
    exporter.export(key, sealWords.batch);
    backend.wipe(exporter.secret);
    hmac.mac(saltKey, key, sealWords.salt);
    hmac.mac(hashKey, key, sealWords.hash);
    const header = writeHeader(kind, derivations.keyId(target), enc);
    const hint = Buffer.alloc(keyBytes);
    backend.prf(hint, pair.hintOut, header.subarray(0, at.hint));
    hint.copy(header, at.hint, 0, at.salt - at.hint);
    backend.wipe(hint);
    const born = { bornMs: this.#house.nowMs, count: 0 };
    return { contact: contact.key, kind, epoch, receiveKey: target, header, key, saltKey, hashKey, ...born };
  }

  #wipe({ key, saltKey, hashKey }: SendContext): void {
    for (const secret of [key, saltKey, hashKey]) this.#house.derivations.backend.wipe(secret);
  }
}

/** What a context is bound to, besides the keys. */
export function contextInfo(kind: EnvelopeKind, epoch: number, sender: Buffer, recipient: Buffer): Buffer {
  return Buffer.concat([sealWords.context, Buffer.of(kind), u32(epoch), sender, recipient]);
}
