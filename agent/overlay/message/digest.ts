import { blake3 as noble } from '@noble/hashes/blake3.js';

export interface Hashing {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

export const blake3 = (bytes: Uint8Array): Uint8Array => noble(bytes);

export const hashing = (): Hashing => noble.create({});
