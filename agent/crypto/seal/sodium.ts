import sodium from 'sodium-native';
import { type SealBackend, zeroNonce } from './backend.ts';

/** libsodium's primitives: the fast ones for short inputs and on processors without AES. */
export function sodiumBackend(): SealBackend {
  const publicKey = Buffer.alloc(32);
  const secretKey = Buffer.alloc(64);
  return {
    name: 'sodium',
    sha256: (out, bytes) => sodium.crypto_hash_sha256(out, bytes),
    sha512: (out, bytes) => sodium.crypto_hash_sha512(out, bytes),
    prf: (out, key, bytes) => sodium.crypto_auth(out, bytes, key),
    publicOf: (out, scalar) => sodium.crypto_scalarmult_base(out, scalar),
    agree,
    verifierOf: (out, seed) => {
      sodium.crypto_sign_seed_keypair(out, secretKey, seed);
      sodium.sodium_memzero(secretKey);
    },
    sign: (out, message, seed) => {
      sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
      sodium.crypto_sign_detached(out, message, secretKey);
      sodium.sodium_memzero(secretKey);
    },
    verify: (signature, message, verifier) => sodium.crypto_sign_verify_detached(signature, message, verifier),
    edwardsBase: (out, scalar) => sodium.crypto_scalarmult_ed25519_base_noclamp(out, scalar),
    encrypt: (out, plain, associated, key, nonce = zeroNonce) => {
      sodium.crypto_aead_chacha20poly1305_ietf_encrypt(out, plain, associated, null, nonce, key);
    },
    decrypt: (plain, sealed, associated, key, nonce = zeroNonce) => {
      try {
        sodium.crypto_aead_chacha20poly1305_ietf_decrypt(plain, null, sealed, associated, nonce, key);
        return true;
      } catch {
        return false;
      }
    },
    wipe: (bytes) => sodium.sodium_memzero(bytes),
  };
}

function agree(out: Buffer, scalar: Buffer, point: Buffer): boolean {
  try {
    sodium.crypto_scalarmult(out, scalar, point);
  } catch {
    out.fill(0);
    return false;
  }
  return !out.every((byte) => byte === 0);
}
