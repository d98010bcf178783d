/**
 * The primitives that sealing stands on. Two implementations (sodium, node) are held to one contract suite; whatever one
 * seals the other opens. Every `out` is the caller's, of the exact size, and is overwritten whole.
 */
export interface SealBackend {
  readonly name: 'sodium' | 'node';
  /** SHA-256, 32 bytes. */
  sha256(out: Buffer, bytes: Buffer): void;
  /** SHA-512, 64 bytes. */
  sha512(out: Buffer, bytes: Buffer): void;
  /** HMAC-SHA-512 with a key of 32 bytes, its first 32 bytes. */
  prf(out: Buffer, key: Buffer, bytes: Buffer): void;
  /** X25519 of the base point. RFC 7748 §6.1. */
  publicOf(out: Buffer, scalar: Buffer): void;
  /** X25519; false (and zeros) for a point that gives no secret. */
  agree(out: Buffer, scalar: Buffer, point: Buffer): boolean;
  /** The Ed25519 public key of a seed. RFC 8032 §5.1.5. */
  verifierOf(out: Buffer, seed: Buffer): void;
  /** Ed25519, 64 bytes. */
  sign(out: Buffer, message: Buffer, seed: Buffer): void;
  verify(signature: Buffer, message: Buffer, verifier: Buffer): boolean;
  /** The base point of edwards25519 times a scalar below the group's order, compressed. */
  edwardsBase(out: Buffer, scalar: Buffer): void;
  /**
   * ChaCha20-Poly1305. `out` has 16 bytes more than `plain`, which may be its beginning. The nonce is zeros unless said:
   * each key is used once. RFC 8439 §2.8.
   */
  encrypt(out: Buffer, plain: Buffer, associated: Buffer, key: Buffer, nonce?: Buffer): void;
  /** False when the tag is wrong; `plain` is then worth nothing. */
  decrypt(plain: Buffer, sealed: Buffer, associated: Buffer, key: Buffer, nonce?: Buffer): boolean;
  /** Zeros that no optimiser leaves out. */
  wipe(bytes: Buffer): void;
}

export const zeroNonce = Buffer.alloc(12);
