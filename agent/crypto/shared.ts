import { createSecretKey, type KeyObject } from 'node:crypto';
import sodium from 'sodium-native';
import { assert, bytesOfHex, type PublicKey } from '#kernel';
import type { Identity } from './identity.ts';

/**
 * What two nodes share: the X25519 secret, made ready for AES. A `KeyObject`, because a cipher made from one costs 3.7 µs
 * and one made from bytes 16 µs; and it prints as nothing.
 */
export type SharedKey = KeyObject;

/**
 * Shared secrets with other nodes, at most `limit`; the one not used for longest goes first. Null for a key that gives
 * no secret (a low-order point, RFC 7748 §6.1); those are not remembered.
 */
export class SharedKeys {
  readonly #scalar: Buffer;
  readonly #limit: number;
  readonly #known = new Map<PublicKey, SharedKey>();
  /** Packets come in runs: the key used last is not looked up again. */
  #latest: PublicKey | null = null;
  #latestKey: SharedKey | null = null;

  constructor(identity: Identity, limit = 1024) {
    this.#scalar = Buffer.from(identity.secretKey.reveal());
    this.#limit = limit;
  }

  with(other: PublicKey): SharedKey | null {
    if (other === this.#latest) return this.#latestKey;
    const known = this.#known.get(other);
    const key = known ?? this.#agree(other);
    if (key === null) return null;
    this.#remember(other, key, known !== undefined);
    return key;
  }

  get count(): number {
    return this.#known.size;
  }

  #remember(other: PublicKey, key: SharedKey, isKnown: boolean): void {
    if (isKnown) this.#known.delete(other);
    else if (this.#known.size >= this.#limit) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(other, key);
    this.#latest = other;
    this.#latestKey = key;
  }

  #agree(other: PublicKey): SharedKey | null {
    const point = bytesOfHex(other);
    assert(point !== null && point.length === 32, 'a public key is 64 hex digits');
    const secret = Buffer.allocUnsafeSlow(32);
    try {
      sodium.crypto_scalarmult(secret, this.#scalar, Buffer.from(point));
    } catch {
      return null;
    }
    const key = secret.every((byte) => byte === 0) ? null : createSecretKey(secret);
    sodium.sodium_memzero(secret);
    return key;
  }
}
