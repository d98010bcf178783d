import { createCipheriv, createDecipheriv } from 'node:crypto';
import { bufferOver, release } from '#kernel';
import type { SharedKey } from './shared.ts';

export const nonceBytes = 12;
const tagBytes = 16;

/** What sealing adds to a plaintext. */
export const sealOverheadBytes = tagBytes + nonceBytes;

const cipherName = 'aes-256-gcm';

/**
 * AES-256-GCM without associated data: writes `ciphertext | tag | nonce` at `at` and returns the position behind.
 * `tail`: more plaintext, sealed where it lies. WIRE.md §3.1. A nonce must never be used twice with one key: it is 12 fresh random bytes.
 */
export function sealInto(
  key: SharedKey,
  nonce: Uint8Array,
  plain: Uint8Array,
  into: Uint8Array,
  at: number,
  tail: Uint8Array | null = null,
): number {
  const cipher = createCipheriv(cipherName, key, nonce);
  moveInto(into, cipher.update(plain), at);
  let tagAt = at + plain.length;
  if (tail !== null) {
    moveInto(into, cipher.update(tail), tagAt);
    tagAt += tail.length;
  }
  cipher.final();
  into.set(cipher.getAuthTag(), tagAt);
  into.set(nonce, tagAt + tagBytes);
  return tagAt + sealOverheadBytes;
}

/** What the cipher makes comes in memory of its own, as long as the packet. */
function moveInto(into: Uint8Array, sealed: Uint8Array, at: number): void {
  into.set(sealed, at);
  release(sealed);
}

/** The plaintext, in fresh memory that is the caller's to `release`; null when it is too short or was not sealed with this key. */
export function open(key: SharedKey, sealed: Uint8Array): Uint8Array | null {
  const size = sealed.length - sealOverheadBytes;
  if (size < 0) return null;
  const buffer = bufferOver(sealed);
  const decipher = createDecipheriv(cipherName, key, buffer.subarray(size + tagBytes));
  decipher.setAuthTag(buffer.subarray(size, size + tagBytes));
  const plain = decipher.update(buffer.subarray(0, size));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return plain;
}
