import type { PublicKey } from '#kernel';
import { bind } from './binding.ts';
import { type Contact, newContact, readContacts } from './contact.ts';
import { ReceiveContexts, SendContexts } from './contexts.ts';
import { Hpke } from './hpke.ts';
import { Derivations, type NodeKeys, type PairKeys } from './keys.ts';
import { ReceiveKeys } from './receive-keys.ts';
import type { SealCounters, SealerOptions, SealRefusalReason } from './types.ts';

/** More contacts than this are not known: sealing for them is refused by name. */
export const contactLimit = 4096;
const poolBytes = 1024;

/** What the parts of a sealer share. */
export class House {
  readonly derivations: Derivations;
  readonly hpke: Hpke;
  readonly node: NodeKeys;
  readonly ownKeyId: Buffer;
  readonly receiveKeys: ReceiveKeys;
  readonly contacts = new Map<PublicKey, Contact>();
  readonly sending: SendContexts;
  readonly receiving: ReceiveContexts;
  readonly counters: SealCounters = emptyCounters();
  readonly #options: SealerOptions;
  /** Chance is asked for by the kilobyte: a call of the system's costs 3.6 µs whatever its size. */
  #pool = Buffer.alloc(0);
  contactsChanged: 'no' | 'later' | 'soon' = 'no';

  constructor(options: SealerOptions) {
    const { backend, networkPsk = null, identity, stored } = options;
    this.#options = options;
    this.derivations = new Derivations(backend, networkPsk);
    this.hpke = new Hpke(backend, this.derivations.hmac);
    this.node = this.derivations.nodeKeys(identity.reveal());
    this.ownKeyId = this.derivations.keyId(this.node.open);
    this.receiveKeys = new ReceiveKeys(this.derivations, this.node, stored.receiveKeys, () =>
      bind(this.derivations, this.node, this.chance(32)),
    );
    for (const contact of this.#storedContacts()) this.contacts.set(contact.key, contact);
    const { wipe } = backend;
    this.sending = new SendContexts(({ key, saltKey, hashKey }) => {
      for (const secret of [key, saltKey, hashKey]) wipe(secret);
    });
    this.receiving = new ReceiveContexts(({ key }) => wipe(key));
  }

  get nowMs(): number {
    return this.#options.uptimeMs();
  }

  /** Fresh random bytes, each handed out once. */
  chance(count: number): Buffer {
    if (this.#pool.length < count) this.#pool = Buffer.from(this.#options.random.bytes(poolBytes));
    const out = Buffer.alloc(count);
    this.#pool.copy(out);
    this.#pool.fill(0, 0, count);
    this.#pool = this.#pool.subarray(count);
    return out;
  }

  know(key: PublicKey): Contact | null {
    const found = this.contacts.get(key);
    if (found !== undefined) return found;
    if (this.contacts.size >= contactLimit || key === this.node.open.toString('hex')) return null;
    const contact = newContact(key);
    this.contacts.set(key, contact);
    return contact;
  }

  forget(key: PublicKey): void {
    const contact = this.contacts.get(key);
    if (contact?.pair) this.derivations.wipePair(contact.pair);
    this.contacts.delete(key);
    this.sending.forget(key);
    this.receiving.forget(key);
    this.contactsChanged = 'soon';
  }

  /** The pair's keys: one Diffie-Hellman at the first use. Null for a contact whose key gives none. */
  pairOf(contact: Contact): PairKeys | null {
    if (contact.pair === undefined) contact.pair = this.derivations.pairKeys(this.node, contact.open);
    return contact.pair;
  }

  count(reason: SealRefusalReason): void {
    this.counters.refused[reason]++;
  }

  close(): void {
    this.sending.clear();
    this.receiving.clear();
    this.receiveKeys.wipe();
    for (const { pair } of this.contacts.values()) if (pair) this.derivations.wipePair(pair);
    this.contacts.clear();
    this.derivations.wipeNode(this.node);
    this.#pool.fill(0);
  }

  #storedContacts(): Contact[] {
    const { contacts } = this.#options.stored;
    return contacts === null ? [] : readContacts(this.derivations, this.node.open, contacts, contactLimit);
  }
}

function emptyCounters(): SealCounters {
  return {
    sealed: 0,
    opened: 0,
    freshSeals: 0,
    freshOpens: 0,
    refused: {
      'no-receive-key': 0,
      'unknown-contact': 0,
      malformed: 0,
      'unknown-suite': 0,
      'suite-downgrade': 0,
      downgrade: 0,
      'unknown-sender': 0,
      'rate-limited': 0,
      'unknown-key': 0,
      forged: 0,
    },
    answers: 0,
    answersWithheld: 0,
    rotations: 0,
    receiveKeysDeleted: 0,
    contextsEvicted: 0,
    alarms: 0,
  };
}
