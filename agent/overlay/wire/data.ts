import { constant, hex, layout, lengthOf, reserved, rest, sizedBy, u8, u16 } from '#codec';
import type { Address, Subnet } from '#kernel';
import { bufferOver, hexOf } from '#kernel';
import { frameHeaderBytes, frameType } from './frame.ts';

/** Data packet behind the frame header. Mycelium 0.7.10. 36 bytes and the payload, which is sealed end to end. */
export const dataPacket = layout('data', {
  reserved: reserved(1),
  length: lengthOf('payload', u16),
  hopLimit: u8,
  source: hex<Address>(16),
  destination: hex<Address>(16),
  payload: sizedBy('length'),
});

/** What the payload of a data packet opens to. Mycelium 0.7.10. 4 bytes and the body. */
export const plaintext = layout('plaintext', {
  version: constant(u8, 1),
  kind: u8,
  reserved: reserved(2),
  body: rest(65_535),
});

/**
 * `path` is ours (path/FORMAT.md), far from the numbers that Mycelium gives out. So is `trace`: nothing, in packets that
 * are meant to die on the way.
 */
export const plaintextKind = { packet: 0, message: 1, icmp: 2, path: 73, trace: 84 } as const;

/** Hop limit as it leaves the origin: 64, less the one that every node takes off before sending. */
export const originHopLimit = 63;

/** Bytes of a data frame before the payload. */
export const dataHeaderBytes = frameHeaderBytes + 36;
export const plaintextHeaderBytes = 4;

const lengthAt = frameHeaderBytes + 1;
const hopLimitAt = frameHeaderBytes + 3;
const sourceAt = frameHeaderBytes + 4;
const destinationAt = frameHeaderBytes + 20;

/**
 * A whole data frame: frame header, data packet header, payload. Read in place, because every packet of others passes
 * here; the tables above are its test.
 */
export class DataFrame {
  readonly bytes: Buffer;

  /** `bytes` is a whole frame, as the framer cuts it. */
  constructor(bytes: Uint8Array) {
    this.bytes = bufferOver(bytes);
  }

  get hopLimit(): number {
    return this.bytes[hopLimitAt] ?? 0;
  }

  get source(): Address {
    return hexOf(this.bytes, sourceAt, sourceAt + 16) as Address;
  }

  get destination(): Address {
    return hexOf(this.bytes, destinationAt, destinationAt + 16) as Address;
  }

  get destinationSubnet(): Subnet {
    return hexOf(this.bytes, destinationAt, destinationAt + 8) as Subnet;
  }

  /** The sealed bytes, shared with the frame. */
  get payload(): Uint8Array {
    return this.bytes.subarray(dataHeaderBytes);
  }

  /** A copy in memory of its own with another hop limit: for whoever sends it on or keeps it. */
  copy(hopLimit: number): DataFrame {
    const copy = Buffer.allocUnsafe(this.bytes.length);
    copy.set(this.bytes);
    copy[hopLimitAt] = hopLimit;
    return new DataFrame(copy);
  }
}

/** A frame, in `bytes` if given, with its headers written and room for `payloadBytes` behind them. */
export function startDataFrame(
  source: Address,
  destination: Address,
  hopLimit: number,
  payloadBytes: number,
  bytes = Buffer.allocUnsafe(dataHeaderBytes + payloadBytes),
): Buffer {
  bytes.writeUInt32BE(0x0100_0000 + (frameType.data << 16), 0);
  bytes[frameHeaderBytes] = 0;
  bytes.writeUInt16BE(payloadBytes, lengthAt);
  bytes[hopLimitAt] = hopLimit;
  bytes.write(source, sourceAt, 16, 'hex');
  bytes.write(destination, destinationAt, 16, 'hex');
  return bytes;
}
