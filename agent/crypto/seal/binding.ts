import { edwardsOf, groupOrder, isCanonical, numberOf, writeNumber } from './edwards.ts';
import type { Derivations, NodeKeys } from './keys.ts';
import { label } from './labels.ts';

const bindLabel = label('bind');
export const signatureBytes = 64;

/**
 * Binds the signing key to the identity key, which it cannot be computed from: one signature over it by the X25519
 * scalar, which any Ed25519 verifier checks under the Edwards form of the public key (sign bit 0). `chance`: 32 bytes;
 * the nonce is safe without them. Made once, then stored: the one product of scalars is BigInt arithmetic.
 */
export function bind(derivations: Derivations, keys: NodeKeys, chance: Uint8Array): Buffer {
  const { backend } = derivations;
  const scalar = clamped(keys.secret);
  const point = Buffer.alloc(32);
  let secret = numberOf(scalar) % groupOrder;
  writeNumber(scalar, secret);
  backend.edwardsBase(point, scalar);
  if (((point[31] ?? 0) & 0x80) !== 0) secret = groupOrder - secret;
  point[31] = (point[31] ?? 0) & 0x7f;
  const message = Buffer.concat([bindLabel, keys.verifier]);
  const nonce = reduced(derivations, Buffer.concat([bindLabel, keys.bindNonce, chance, message]));
  const signature = Buffer.alloc(signatureBytes);
  writeNumber(scalar, nonce);
  backend.edwardsBase(signature.subarray(0, 32), scalar);
  const challenge = reduced(derivations, Buffer.concat([signature.subarray(0, 32), point, message]));
  writeNumber(signature.subarray(32), (nonce + challenge * secret) % groupOrder);
  backend.wipe(scalar);
  return signature;
}

/** Whether the owner of this identity key signed this signing key. */
export function isBound(derivations: Derivations, identity: Buffer, verifier: Buffer, signature: Buffer): boolean {
  const point = isCanonical(identity) ? edwardsOf(identity) : null;
  return point !== null && derivations.backend.verify(signature, Buffer.concat([bindLabel, verifier]), point);
}

function clamped(secret: Buffer): Buffer {
  const scalar = Buffer.from(secret);
  scalar[0] = (scalar[0] ?? 0) & 0xf8;
  scalar[31] = ((scalar[31] ?? 0) & 0x7f) | 0x40;
  return scalar;
}

/** SHA-512 of secret or public bytes as a scalar; the bytes are overwritten. */
function reduced({ backend }: Derivations, bytes: Buffer): bigint {
  const digest = Buffer.alloc(64);
  backend.sha512(digest, bytes);
  backend.wipe(bytes);
  const value = BigInt(`0x${Buffer.from(digest).reverse().toString('hex')}`) % groupOrder;
  backend.wipe(digest);
  return value;
}
