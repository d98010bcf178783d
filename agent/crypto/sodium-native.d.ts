/** The part of sodium-native that this project uses; the package brings no types. */
declare module 'sodium-native' {
  const sodium: {
    /** Throws when the result is all zero (a low-order point). */
    crypto_scalarmult(q: Buffer, n: Buffer, p: Buffer): void;
    crypto_scalarmult_base(q: Buffer, n: Buffer): void;
    sodium_memzero(buffer: Buffer): void;
    crypto_hash_sha256(out: Buffer, input: Buffer): void;
    crypto_hash_sha512(out: Buffer, input: Buffer): void;
    /** HMAC-SHA-512-256. */
    crypto_auth(out: Buffer, input: Buffer, key: Buffer): void;
    crypto_sign_seed_keypair(publicKey: Buffer, secretKey: Buffer, seed: Buffer): void;
    crypto_sign_detached(signature: Buffer, message: Buffer, secretKey: Buffer): void;
    crypto_sign_verify_detached(signature: Buffer, message: Buffer, publicKey: Buffer): boolean;
    crypto_scalarmult_ed25519_base_noclamp(q: Buffer, n: Buffer): void;
    crypto_aead_chacha20poly1305_ietf_encrypt(
      c: Buffer,
      m: Buffer,
      ad: Buffer,
      nsec: null,
      npub: Buffer,
      k: Buffer,
    ): number;
    /** Throws when the tag is wrong. */
    crypto_aead_chacha20poly1305_ietf_decrypt(
      m: Buffer,
      nsec: null,
      c: Buffer,
      ad: Buffer,
      npub: Buffer,
      k: Buffer,
    ): number;
  };
  export = sodium;
}
