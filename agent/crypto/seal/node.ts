import type { KeyObject } from 'node:crypto';
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hash,
  sign,
  verify,
} from 'node:crypto';
import { type SealBackend, zeroNonce } from './backend.ts';
import { edwardsBase } from './edwards.ts';

/** The DER heads of RFC 8410: PKCS #8 with a seed or scalar of 32 bytes, SubjectPublicKeyInfo with 32 bytes. */
const heads = {
  x25519: { secret: '302e020100300506032b656e04220420', open: '302a300506032b656e032100' },
  ed25519: { secret: '302e020100300506032b657004220420', open: '302a300506032b6570032100' },
} as const;
type Curve = keyof typeof heads;
const openHeadBytes = 12;

const cipher = 'chacha20-poly1305';
const tagBytes = 16;
const blockBytes = 128;

/** Node's own primitives (OpenSSL): where libsodium cannot be loaded, and to check it against. */
export function nodeBackend(): SealBackend {
  return {
    name: 'node',
    sha256: (out, bytes) => void hash('sha256', bytes, 'buffer').copy(out),
    sha512: (out, bytes) => void hash('sha512', bytes, 'buffer').copy(out),
    prf,
    publicOf: (out, scalar) => pointOf('x25519', out, scalar),
    agree,
    verifierOf: (out, seed) => pointOf('ed25519', out, seed),
    sign: (out, message, seed) => void sign(null, message, secretOf('ed25519', seed)).copy(out),
    verify: (signature, message, verifier) => verify(null, message, openOf('ed25519', verifier), signature),
    edwardsBase,
    encrypt,
    decrypt,
    wipe: (bytes) => void bytes.fill(0),
  };
}

function prf(out: Buffer, key: Buffer, bytes: Buffer): void {
  const inner = Buffer.alloc(blockBytes + bytes.length, 0x36);
  const outer = Buffer.alloc(blockBytes + 64, 0x5c);
  for (let index = 0; index < key.length; index++) {
    inner[index] = (key[index] ?? 0) ^ 0x36;
    outer[index] = (key[index] ?? 0) ^ 0x5c;
  }
  bytes.copy(inner, blockBytes);
  hash('sha512', inner, 'buffer').copy(outer, blockBytes);
  hash('sha512', outer, 'buffer').copy(out, 0, 0, 32);
  inner.fill(0);
  outer.fill(0);
}

function encrypt(out: Buffer, plain: Buffer, associated: Buffer, key: Buffer, nonce = zeroNonce): void {
  const sealing = createCipheriv(cipher, createSecretKey(key), nonce, { authTagLength: tagBytes });
  sealing.setAAD(associated, { plaintextLength: plain.length });
  sealing.update(plain).copy(out);
  sealing.final();
  sealing.getAuthTag().copy(out, plain.length);
}

function decrypt(plain: Buffer, sealed: Buffer, associated: Buffer, key: Buffer, nonce = zeroNonce): boolean {
  const size = sealed.length - tagBytes;
  const opening = createDecipheriv(cipher, createSecretKey(key), nonce, { authTagLength: tagBytes });
  opening.setAAD(associated, { plaintextLength: size });
  opening.setAuthTag(sealed.subarray(size));
  const found = opening.update(sealed.subarray(0, size));
  try {
    opening.final();
  } catch {
    found.fill(0);
    return false;
  }
  found.copy(plain);
  found.fill(0);
  return true;
}

function agree(out: Buffer, scalar: Buffer, point: Buffer): boolean {
  try {
    const shared = diffieHellman({ privateKey: secretOf('x25519', scalar), publicKey: openOf('x25519', point) });
    shared.copy(out);
    shared.fill(0);
  } catch {
    out.fill(0);
    return false;
  }
  return !out.every((byte) => byte === 0);
}

function pointOf(curve: Curve, out: Buffer, secret: Buffer): void {
  createPublicKey(secretOf(curve, secret)).export({ type: 'spki', format: 'der' }).copy(out, 0, openHeadBytes);
}

function secretOf(curve: Curve, secret: Buffer): KeyObject {
  const der = Buffer.concat([Buffer.from(heads[curve].secret, 'hex'), secret]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

function openOf(curve: Curve, point: Buffer): KeyObject {
  const der = Buffer.concat([Buffer.from(heads[curve].open, 'hex'), point]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}
