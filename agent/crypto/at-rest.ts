import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { AgentError } from '#kernel';

/** Bytes of a key file. */
export const atRestKeyBytes = 32;
/** Names a key without telling anything of it. */
export const atRestKeyIdBytes = 8;
/** Whoever writes takes a salt of its own, so that no two writers share a key. */
export const atRestSaltBytes = 12;
export const atRestNonceBytes = 12;
export const atRestTagBytes = 16;

const cipherName = 'chacha20-poly1305';
const keysRemembered = 64;

/**
 * A key for what lies on the disk. Nothing is enciphered with it itself: each writer derives its own by HKDF-SHA256 from its
 * salt, and uses ChaCha20-Poly1305 (RFC 8439) with it, whose time needs no AES instructions.
 */
export class AtRestKey {
  /** 16 hex digits. */
  readonly id: string;
  readonly #key: KeyObject;
  readonly #derived = new Map<string, KeyObject>();

  /** `crypto/bad-key` unless it is 32 bytes. */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== atRestKeyBytes) {
      const text = `key: ${bytes.length} bytes, wanted ${atRestKeyBytes}`;
      throw new AgentError('crypto/bad-key', 'reconfigure', text);
    }
    this.#key = createSecretKey(Buffer.from(bytes));
    this.id = derive(this.#key, new Uint8Array(0), 'hypha at rest, key id', atRestKeyIdBytes).toString('hex');
  }

  /** Writes the ciphertext of `plain` into `into`, which is as long; returns the tag. No (salt, nonce) twice. */
  seal(salt: Uint8Array, nonce: Uint8Array, about: readonly Uint8Array[], plain: Uint8Array, into: Uint8Array): Buffer {
    const cipher = createCipheriv(cipherName, this.#for(salt), nonce, { authTagLength: atRestTagBytes });
    for (const part of about) cipher.setAAD(part, { plaintextLength: plain.length });
    into.set(cipher.update(plain));
    cipher.final();
    return cipher.getAuthTag();
  }

  /** Null when it is not what was sealed. */
  open(
    salt: Uint8Array,
    nonce: Uint8Array,
    about: readonly Uint8Array[],
    sealed: Uint8Array,
    tag: Uint8Array,
  ): Buffer | null {
    const decipher = createDecipheriv(cipherName, this.#for(salt), nonce, { authTagLength: atRestTagBytes });
    for (const part of about) decipher.setAAD(part, { plaintextLength: sealed.length });
    decipher.setAuthTag(tag);
    const plain = decipher.update(sealed);
    try {
      decipher.final();
    } catch {
      return null;
    }
    return plain;
  }

  #for(salt: Uint8Array): KeyObject {
    const name = Buffer.from(salt.buffer, salt.byteOffset, salt.length).toString('latin1');
    const known = this.#derived.get(name);
    if (known !== undefined) return known;
    const made = createSecretKey(derive(this.#key, salt, 'hypha at rest, writer', atRestKeyBytes));
    if (this.#derived.size >= keysRemembered) this.#derived.delete(this.#derived.keys().next().value ?? '');
    this.#derived.set(name, made);
    return made;
  }
}

const derive = (key: KeyObject, salt: Uint8Array, purpose: string, bytes: number): Buffer =>
  Buffer.from(hkdfSync('sha256', key, salt, purpose, bytes));
