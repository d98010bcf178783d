import sodium from 'sodium-native';
import { type Address, AgentError, hexOf, type PublicKey, Secret, type Subnet } from '#kernel';
import { addressOf, subnetOf } from './address.ts';

/** Bytes of a secret key, which is also a whole stock key file. */
export const secretKeyBytes = 32;

/** Who a node is. WIRE.md §1. */
export interface Identity {
  /** The X25519 scalar as it stands in the key file (clamped when used). */
  readonly secretKey: Secret;
  readonly publicKey: PublicKey;
  readonly address: Address;
  readonly subnet: Subnet;
}

/** The identity of a key file's content (copied). `crypto/bad-key` unless it is 32 bytes. */
export function identityOf(keyFile: Uint8Array): Identity {
  if (keyFile.length !== secretKeyBytes) {
    throw new AgentError(
      'crypto/bad-key',
      'reconfigure',
      `identity: ${keyFile.length} bytes, wanted ${secretKeyBytes}`,
    );
  }
  const scalar = Buffer.from(keyFile);
  const point = Buffer.allocUnsafe(32);
  sodium.crypto_scalarmult_base(point, scalar);
  const publicKey = hexOf(point) as PublicKey;
  const address = addressOf(publicKey);
  return { secretKey: new Secret(scalar), publicKey, address, subnet: subnetOf(address) };
}
