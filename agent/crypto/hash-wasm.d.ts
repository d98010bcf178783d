/** BLAKE3 alone, 22 kB; the package's main module brings every algorithm it knows. */
declare module 'hash-wasm/dist/blake3.umd.min.js' {
  interface Hasher {
    init(): Hasher;
    update(bytes: Uint8Array): Hasher;
    digest(output: 'binary'): Uint8Array;
    /** What it holds in the middle of a message, in fresh memory. */
    save(): Uint8Array;
    load(state: Uint8Array): Hasher;
  }
  const wasm: { createBLAKE3(): Promise<Hasher> };
  export = wasm;
}
