import { type Derivations, keyBytes, type NodeKeys } from './keys.ts';

/** One of our keys that contacts seal to. */
export interface ReceiveKey {
  readonly epoch: number;
  readonly secret: Buffer;
  readonly open: Buffer;
  /** As it stands in envelopes, in hex. */
  readonly id: string;
  /** Accumulated uptimes of this node. */
  readonly bornMs: number;
  supersededMs: number | null;
  opened: number;
  openedBytes: number;
  /** Starts of this node in which it opened something. */
  starts: number;
  /** All mailboxes were emptied once since it was superseded. */
  isDrained: boolean;
}

export function newReceiveKey(
  derivations: Derivations,
  keys: NodeKeys,
  chance: Uint8Array,
  epoch: number,
  bornMs: number,
): ReceiveKey {
  const secret = Buffer.alloc(keyBytes);
  derivations.hmac.mac(secret, keys.hedge, chance);
  return receiveKeyOf(derivations, secret, epoch, bornMs);
}

export function receiveKeyOf(derivations: Derivations, secret: Buffer, epoch: number, bornMs: number): ReceiveKey {
  const open = Buffer.alloc(keyBytes);
  derivations.backend.publicOf(open, secret);
  const id = derivations.keyId(open).toString('hex');
  const unused = { supersededMs: null, opened: 0, openedBytes: 0, starts: 0, isDrained: false };
  return { epoch, secret, open, id, bornMs, ...unused };
}
