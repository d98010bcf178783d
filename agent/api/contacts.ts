import { addressOf, parseAddress } from '#crypto';
import { type Address, type PublicKey, parsePublicKey } from '#kernel';

export interface Contact {
  readonly name: string;
  readonly publicKey: PublicKey;
  readonly address: Address;
}

/** The most names a running agent takes on. */
const limit = 10_000;

/** Named public keys: who may reach this node with messages, and whom people can name. */
export class Contacts {
  readonly #byName = new Map<string, Contact>();
  readonly #byKey = new Map<PublicKey, Contact>();
  readonly #byAddress = new Map<Address, Contact>();

  constructor(named: Readonly<Record<string, PublicKey>>) {
    for (const [name, publicKey] of Object.entries(named)) this.add(name, publicKey);
  }

  /** False when the name means another key already, or the book is full. */
  add(name: string, publicKey: PublicKey): boolean {
    const known = this.#byName.get(name);
    if (known !== undefined) return known.publicKey === publicKey;
    if (this.#byName.size >= limit) return false;
    const contact = { name, publicKey, address: addressOf(publicKey) };
    this.#byName.set(name, contact);
    if (!this.#byKey.has(publicKey)) this.#byKey.set(publicKey, contact);
    this.#byAddress.set(contact.address, contact);
    return true;
  }

  all(): readonly Contact[] {
    return [...this.#byName.values()];
  }

  named(name: string): Contact | undefined {
    return this.#byName.get(name);
  }

  /** The first name given to this key. */
  withKey(publicKey: PublicKey): Contact | undefined {
    return this.#byKey.get(publicKey);
  }

  /** Whom `text` means: a name, a public key or an address; null if none of them. */
  destination(text: string): PublicKey | Address | null {
    const named = this.#byName.get(text);
    if (named !== undefined) return named.publicKey;
    const key = parsePublicKey(text);
    if (key !== null) return key;
    const address = parseAddress(text);
    return address === null ? null : (this.#byAddress.get(address)?.publicKey ?? address);
  }
}
