import { addressOf, type Identity, type SharedKey, SharedKeys, subnetOf } from '#crypto';
import type { Address, PublicKey, Subnet } from '#kernel';

/** Addresses and keys in one: a key is 64 digits, an address 32. */
export function isPublicKey(to: PublicKey | Address): to is PublicKey {
  return to.length === 64;
}

/**
 * Which key is behind a subnet. A key that somebody here has named (a contact) goes before one that a route update has
 * shown, because an update can only prove that the key's hash begins like the subnet. Bounded, least recently used goes.
 */
export class Keys {
  readonly #shared: SharedKeys;
  readonly #limit: number;
  readonly #addresses = new Map<PublicKey, Address>();
  readonly #named = new Map<Subnet, PublicKey>();

  constructor(identity: Identity, limit = 4096) {
    this.#shared = new SharedKeys(identity, limit);
    this.#limit = limit;
  }

  addressOf(key: PublicKey): Address {
    const known = this.#addresses.get(key);
    if (known !== undefined) return known;
    const address = addressOf(key);
    remember(this.#addresses, key, address, this.#limit);
    return address;
  }

  /** Somebody here knows the owner of that key by name. */
  name(key: PublicKey): Address {
    const address = this.addressOf(key);
    const subnet = subnetOf(address);
    if (this.#named.get(subnet) !== key) remember(this.#named, subnet, key, this.#limit);
    return address;
  }

  named(subnet: Subnet): PublicKey | undefined {
    return this.#named.get(subnet);
  }

  sharedWith(key: PublicKey): SharedKey | null {
    return this.#shared.with(key);
  }
}

function remember<K, V>(map: Map<K, V>, key: K, value: V, limit: number): void {
  if (map.size >= limit) {
    const [oldest] = map.keys();
    if (oldest !== undefined) map.delete(oldest);
  }
  map.set(key, value);
}
