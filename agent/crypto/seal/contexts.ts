import type { PublicKey } from '#kernel';
import type { EnvelopeKind } from './envelope.ts';

/** A context lives in memory alone and dies of age, of use, of a newer key, or of the limits here. */
export const contextRules = {
  batches: 65_536,
  ageMs: 3_600_000,
  sending: 512,
  receiving: 2048,
  /** So that a contact that opens context after context pushes out its own. */
  receivingPerContact: 8,
} as const;

export interface SendContext {
  readonly contact: PublicKey;
  readonly kind: EnvelopeKind;
  readonly epoch: number;
  readonly receiveKey: Buffer;
  /** The first 50 bytes of its envelopes. */
  readonly header: Buffer;
  readonly key: Buffer;
  readonly saltKey: Buffer;
  readonly hashKey: Buffer;
  readonly bornMs: number;
  count: number;
}

export interface ReceiveContext {
  readonly contact: PublicKey;
  readonly kind: EnvelopeKind;
  readonly epoch: number;
  /** The receive-key it was opened with; null: the identity key. */
  readonly keyId: string | null;
  readonly key: Buffer;
}

/** One for each contact and kind; the one not used for longest goes first. */
export class SendContexts {
  readonly #wipe: (context: SendContext) => void;
  readonly #held = new Map<string, SendContext>();
  evicted = 0;

  constructor(wipe: (context: SendContext) => void) {
    this.#wipe = wipe;
  }

  get count(): number {
    return this.#held.size;
  }

  /** The one that still serves for this key. */
  take(contact: PublicKey, kind: EnvelopeKind, receiveKey: Buffer, nowMs: number): SendContext | null {
    const name = `${contact}${kind}`;
    const found = this.#held.get(name);
    if (found === undefined) return null;
    this.#held.delete(name);
    const isFresh = found.count < contextRules.batches && nowMs - found.bornMs < contextRules.ageMs;
    if (!isFresh || !found.receiveKey.equals(receiveKey)) {
      this.#wipe(found);
      return null;
    }
    this.#held.set(name, found);
    return found;
  }

  put(context: SendContext): void {
    const name = `${context.contact}${context.kind}`;
    this.#drop(name);
    const [oldest] = this.#held.keys();
    if (this.#held.size >= contextRules.sending && oldest !== undefined) {
      this.#drop(oldest);
      this.evicted++;
    }
    this.#held.set(name, context);
  }

  expire(nowMs: number): void {
    for (const [name, context] of this.#held) if (nowMs - context.bornMs >= contextRules.ageMs) this.#drop(name);
  }

  forget(contact: PublicKey): void {
    for (const [name, context] of this.#held) if (context.contact === contact) this.#drop(name);
  }

  clear(): void {
    for (const name of this.#held.keys()) this.#drop(name);
  }

  #drop(name: string): void {
    const context = this.#held.get(name);
    if (context !== undefined) this.#wipe(context);
    this.#held.delete(name);
  }
}

/** By the first 50 bytes of an envelope. */
export class ReceiveContexts {
  readonly #wipe: (context: ReceiveContext) => void;
  readonly #held = new Map<string, ReceiveContext>();
  /** The same names for each contact, the one not used for longest first. */
  readonly #names = new Map<PublicKey, Set<string>>();
  evicted = 0;

  constructor(wipe: (context: ReceiveContext) => void) {
    this.#wipe = wipe;
  }

  get count(): number {
    return this.#held.size;
  }

  get(name: string): ReceiveContext | undefined {
    const found = this.#held.get(name);
    if (found === undefined) return undefined;
    this.#held.delete(name);
    this.#held.set(name, found);
    const names = this.#names.get(found.contact);
    names?.delete(name);
    names?.add(name);
    return found;
  }

  /** A contact that has contexts already pays with its own oldest when there is no room. */
  put(name: string, context: ReceiveContext): void {
    const names = this.#names.get(context.contact) ?? new Set<string>();
    const isFull = this.#held.size >= contextRules.receiving;
    if (names.size >= contextRules.receivingPerContact || isFull) {
      const [oldest] = names.size > 0 ? names : this.#held.keys();
      if (oldest !== undefined) this.#drop(oldest);
      this.evicted++;
    }
    this.#held.set(name, context);
    names.add(name);
    this.#names.set(context.contact, names);
  }

  /** Those of a deleted receive-key. */
  forgetUnless(isKept: (keyId: string) => boolean): void {
    for (const [name, { keyId }] of this.#held) if (keyId !== null && !isKept(keyId)) this.#drop(name);
  }

  forget(contact: PublicKey): void {
    for (const name of [...(this.#names.get(contact) ?? [])]) this.#drop(name);
  }

  clear(): void {
    for (const name of [...this.#held.keys()]) this.#drop(name);
  }

  #drop(name: string): void {
    const context = this.#held.get(name);
    if (context === undefined) return;
    this.#wipe(context);
    this.#held.delete(name);
    const names = this.#names.get(context.contact);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(context.contact);
  }
}
