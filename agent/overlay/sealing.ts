import { nonceBytes, open, type SharedKey, sealInto, sealOverheadBytes } from '#crypto';
import { type Address, assert, type Random } from '#kernel';
import {
  DataFrame,
  dataHeaderBytes,
  originHopLimit,
  plaintextHeaderBytes,
  type plaintextKind,
  startDataFrame,
} from './wire/data.ts';

export type Kind = (typeof plaintextKind)[keyof typeof plaintextKind];

/** The longest body that a data packet can carry; messages and stock keep to 1,400 bytes. */
const maxBodyBytes = 65_503;

/** Nonces drawn at a time: one call for random bytes costs as much as half a cipher. */
const noncesAtOnce = 128;

/** From this length on frames are made in one place. */
const longBytes = 4096;

/** Makes sealed frames; the plaintext is put together in one scratch buffer, and so are long frames: they are lent until the next. */
export class Sealer {
  readonly #random: Random;
  readonly #scratch = Buffer.alloc(plaintextHeaderBytes + maxBodyBytes);
  readonly #long = Buffer.allocUnsafeSlow(dataHeaderBytes + plaintextHeaderBytes + maxBodyBytes + sealOverheadBytes);
  #nonces: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The body is `body` and then `tail`. */
  seal(
    key: SharedKey,
    kind: Kind,
    source: Address,
    destination: Address,
    body: Uint8Array,
    tail: Uint8Array | null = null,
  ): DataFrame {
    const tailBytes = tail?.length ?? 0;
    const bodyBytes = body.length + tailBytes;
    assert(bodyBytes <= maxBodyBytes, `a packet of ${bodyBytes} bytes, wanted at most ${maxBodyBytes}`);
    const plain = this.#scratch.subarray(0, plaintextHeaderBytes + body.length);
    plain.writeUInt32BE(0x0100_0000 + kind * 0x1_0000, 0);
    plain.set(body, plaintextHeaderBytes);
    const payloadBytes = plain.length + tailBytes + sealOverheadBytes;
    const long = payloadBytes < longBytes ? undefined : this.#long.subarray(0, dataHeaderBytes + payloadBytes);
    const bytes = startDataFrame(source, destination, originHopLimit, payloadBytes, long);
    sealInto(key, this.#nonce(), plain, bytes, dataHeaderBytes, tail);
    return new DataFrame(bytes);
  }

  #nonce(): Uint8Array {
    if (this.#at >= this.#nonces.length) {
      this.#nonces = this.#random.bytes(nonceBytes * noncesAtOnce);
      this.#at = 0;
    }
    this.#at += nonceBytes;
    return this.#nonces.subarray(this.#at - nonceBytes, this.#at);
  }
}

export interface Opened {
  readonly kind: number;
  readonly body: Uint8Array;
}

/** Null: not sealed with this key. A plaintext of another version reads as kind −1, which nobody handles. */
export function openFrame(key: SharedKey, frame: DataFrame): Opened | null {
  const plain = open(key, frame.payload);
  if (plain === null) return null;
  const isKnown = plain.length >= plaintextHeaderBytes && plain[0] === 1;
  return { kind: isKnown ? (plain[1] ?? -1) : -1, body: plain.subarray(plaintextHeaderBytes) };
}
