/** The part of sodium-native that this project uses; the package brings no types. */
declare module 'sodium-native' {
  const sodium: {
    /** Throws when the result is all zero (a low-order point). */
    crypto_scalarmult(q: Buffer, n: Buffer, p: Buffer): void;
    crypto_scalarmult_base(q: Buffer, n: Buffer): void;
    sodium_memzero(buffer: Buffer): void;
  };
  export = sodium;
}
