import { assert } from '#kernel';
import type { SealBackend } from './backend.ts';

const blockBytes = 64;
const hashBytes = 32;
const messageLimit = 2048;

/**
 * HMAC-SHA256 (RFC 2104) and HKDF (RFC 5869) out of one-shot hashes: `createHmac` of Node costs 17 µs a call, this 2 to 4.
 * One scratch buffer, overwritten after each use.
 */
export class Hmac {
  readonly #backend: SealBackend;
  readonly #scratch = Buffer.alloc(blockBytes + messageLimit);
  readonly #inner = Buffer.alloc(hashBytes);
  readonly #expanded = Buffer.alloc(hashBytes + messageLimit);

  constructor(backend: SealBackend) {
    this.#backend = backend;
  }

  /** HMAC of the parts one after the other; `out` may be among them. Keys of at most 64 bytes. */
  mac(out: Buffer, key: Uint8Array, ...parts: readonly Uint8Array[]): void {
    assert(key.length <= blockBytes, 'a key is at most a block');
    const scratch = this.#scratch;
    this.#pad(key, 0x36);
    let end = blockBytes;
    for (const part of parts) {
      assert(end + part.length <= scratch.length, 'what is hashed here is short');
      scratch.set(part, end);
      end += part.length;
    }
    this.#backend.sha256(this.#inner, scratch.subarray(0, end));
    this.#pad(key, 0x5c);
    scratch.set(this.#inner, blockBytes);
    this.#backend.sha256(out, scratch.subarray(0, blockBytes + hashBytes));
    scratch.fill(0, 0, Math.max(end, blockBytes + hashBytes));
    this.#inner.fill(0);
  }

  /** HKDF-Expand of at most 32 bytes of output more than once: T(1) | T(2) … cut to `out`. */
  expand(out: Buffer, key: Uint8Array, info: Uint8Array): void {
    const block = this.#expanded;
    let known = 0;
    for (let at = 0, count = 1; at < out.length; at += hashBytes, count++) {
      const made = Buffer.alloc(hashBytes);
      this.mac(made, key, block.subarray(0, known), info, Uint8Array.of(count));
      out.set(made.subarray(0, out.length - at), at);
      block.set(made);
      known = hashBytes;
      this.#backend.wipe(made);
    }
    block.fill(0, 0, known);
  }

  #pad(key: Uint8Array, value: number): void {
    const scratch = this.#scratch;
    for (let index = 0; index < blockBytes; index++) scratch[index] = (key[index] ?? 0) ^ value;
  }
}
