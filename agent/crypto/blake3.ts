import { blake3 as hash } from '@noble/hashes/blake3.js';

/** BLAKE3-256 of the bytes, 32 fresh bytes. */
export function blake3(bytes: Uint8Array): Uint8Array {
  return hash(bytes);
}
