import type { SealBackend } from './backend.ts';
import { Hmac } from './hmac.ts';
import { label } from './labels.ts';

const labels = {
  root: label('root'),
  sign: Buffer.concat([label('sign'), Buffer.of(1)]),
  hedge: Buffer.concat([label('hedge'), Buffer.of(1)]),
  bindNonce: label('bind nonce'),
  receiveKey: label('rk'),
  psk: label('psk'),
  hint: label('hint'),
} as const;

export const keyBytes = 32;
export const idBytes = 8;

/** What a node derives from its identity key, once. All secret but `open` and `verifier`. */
export interface NodeKeys {
  /** The identity key, X25519. */
  readonly secret: Buffer;
  readonly open: Buffer;
  /** Ed25519: signs announcements and nothing else. */
  readonly signSeed: Buffer;
  readonly verifier: Buffer;
  /** Mixed into every random value. */
  readonly hedge: Buffer;
  readonly bindNonce: Buffer;
}

/** What a pair of nodes shares, and the sender's marks in each direction. */
export interface PairKeys {
  readonly psk: Buffer;
  readonly hintOut: Buffer;
  readonly hintIn: Buffer;
}

/** One end's derivations. FORMAT.md, "Keys". */
export class Derivations {
  readonly backend: SealBackend;
  readonly hmac: Hmac;
  readonly #networkPsk: Buffer;

  constructor(backend: SealBackend, networkPsk: Uint8Array | null) {
    this.backend = backend;
    this.hmac = new Hmac(backend);
    this.#networkPsk = Buffer.alloc(keyBytes);
    if (networkPsk !== null) this.#networkPsk.set(networkPsk);
  }

  nodeKeys(nodeSecret: Uint8Array): NodeKeys {
    const { backend, hmac } = this;
    const made = (): Buffer => Buffer.alloc(keyBytes);
    const keys = {
      secret: Buffer.alloc(keyBytes),
      open: made(),
      signSeed: made(),
      verifier: made(),
      hedge: made(),
      bindNonce: made(),
    };
    keys.secret.set(nodeSecret);
    const prk = made();
    hmac.mac(prk, labels.root, keys.secret);
    hmac.mac(keys.signSeed, prk, labels.sign);
    hmac.mac(keys.hedge, prk, labels.hedge);
    hmac.mac(keys.bindNonce, keys.secret, labels.bindNonce);
    backend.wipe(prk);
    backend.publicOf(keys.open, keys.secret);
    backend.verifierOf(keys.verifier, keys.signSeed);
    return keys;
  }

  /** Null for a contact whose key gives no secret. */
  pairKeys(own: NodeKeys, contact: Buffer): PairKeys | null {
    const { backend, hmac } = this;
    const root = Buffer.alloc(keyBytes);
    if (!backend.agree(root, own.secret, contact)) return null;
    const keys = { psk: Buffer.alloc(keyBytes), hintOut: Buffer.alloc(keyBytes), hintIn: Buffer.alloc(keyBytes) };
    hmac.mac(keys.psk, root, labels.psk, this.#networkPsk);
    hmac.mac(keys.hintOut, root, labels.hint, own.open, contact);
    hmac.mac(keys.hintIn, root, labels.hint, contact, own.open);
    backend.wipe(root);
    return keys;
  }

  /** The name of a receive-key, or of an identity key, in an envelope. */
  keyId(open: Buffer): Buffer {
    const digest = Buffer.alloc(keyBytes);
    this.backend.sha256(digest, Buffer.concat([labels.receiveKey, open]));
    const id = Buffer.from(digest.subarray(0, idBytes));
    this.backend.wipe(digest);
    return id;
  }

  wipePair(keys: PairKeys): void {
    for (const key of [keys.psk, keys.hintOut, keys.hintIn]) this.backend.wipe(key);
  }

  wipeNode(keys: NodeKeys): void {
    for (const key of [keys.secret, keys.signSeed, keys.hedge, keys.bindNonce]) this.backend.wipe(key);
    this.backend.wipe(this.#networkPsk);
  }
}
