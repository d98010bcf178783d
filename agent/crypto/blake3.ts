import { blake3 as portable } from '@noble/hashes/blake3.js';
import wasm from 'hash-wasm/dist/blake3.umd.min.js';

let fast: Awaited<ReturnType<typeof wasm.createBLAKE3>> | null = null;

/**
 * Makes `blake3` eight to twelve times faster (WebAssembly instead of plain JavaScript: 0.8 against 8.5 µs for 300 bytes,
 * 2.4 against 27 ms for 1 MB). Takes about 2 ms. The one piece of state in this room: it changes no result.
 */
export async function prepareBlake3(): Promise<void> {
  fast ??= await wasm.createBLAKE3();
}

/** BLAKE3-256 of the bytes, 32 fresh bytes. */
export function blake3(bytes: Uint8Array): Uint8Array {
  return fast === null ? portable(bytes) : fast.init().update(bytes).digest('binary');
}
