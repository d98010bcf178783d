/**
 * A bundle: several message packets in one sealed packet, so that many small ones cost one AEAD. Ours alone (plaintext kind
 * 72): a stock node drops it without harm, and none is sent to a node that has not shown that it takes them.
 *
 * ```
 * length (2) | message packet | length (2) | message packet | …
 * ```
 *
 * A packet whose flags are all zero is padding: a bundle that asks whether the path carries so much is filled up with it.
 */
export const bundleLengthBytes = 2;

const firstBytes = 1400;

/** One bundle in the making. */
export class Bundle {
  #bytes: Buffer = Buffer.allocUnsafe(firstBytes);
  #size = 0;

  /** False: it would be longer than `limitBytes`. */
  add(packet: Uint8Array, limitBytes: number): boolean {
    const start = this.#size + bundleLengthBytes;
    const end = start + packet.length;
    if (end > limitBytes) return false;
    if (end > this.#bytes.length) this.#widen(limitBytes);
    this.#bytes[start - 2] = packet.length >> 8;
    this.#bytes[start - 1] = packet.length & 0xff;
    this.#bytes.set(packet, start);
    this.#size = end;
    return true;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  #widen(toBytes: number): void {
    const wider = Buffer.allocUnsafe(toBytes);
    this.#bytes.copy(wider, 0, 0, this.#size);
    this.#bytes = wider;
  }
}

/** Hands on each packet, a view of the bundle. False: what is left is no packet. */
export function eachInBundle(bundle: Buffer, take: (packet: Buffer) => void): boolean {
  let at = 0;
  while (at + bundleLengthBytes <= bundle.length) {
    const start = at + bundleLengthBytes;
    at = start + bundle.readUInt16BE(at);
    if (at > bundle.length) return false;
    take(bundle.subarray(start, at));
  }
  return at === bundle.length;
}
