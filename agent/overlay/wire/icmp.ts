import { constant, hex, layout, Refusal, reserved, rest, u8, u16 } from '#codec';
import type { Address } from '#kernel';

/**
 * Out-of-band ICMP: the body of plaintext kind 2. Mycelium 0.7.10; the packet in it RFC 8200 §3 and RFC 4443 §3. 64
 * bytes and what the dead packet carried.
 *
 * ```
 * original destination (16) | IPv6 header (40): router's /64:: -> sender | ICMPv6 (8) | the dead packet's payload
 * ```
 */
export const icmpBody = layout('icmp', {
  destination: hex<Address>(16),
  versionAndFlow: constant(u8, 0x60),
  flow: reserved(3),
  payloadLength: u16,
  nextHeader: constant(u8, 58),
  innerHopLimit: u8,
  router: hex<Address>(16),
  sender: hex<Address>(16),
  type: u8,
  code: u8,
  checksum: u16,
  unused: reserved(4),
  payload: rest(1232),
});

export type IcmpReason = 'hop-limit' | 'no-route';

const types: Readonly<Record<IcmpReason, number>> = { 'hop-limit': 3, 'no-route': 1 };
const icmpHeaderBytes = 8;
const payloadLimitBytes = 1232;

export interface Icmp {
  readonly reason: IcmpReason;
  readonly destination: Address;
  readonly router: Address;
  readonly sender: Address;
  readonly payload: Uint8Array;
}

/** A payload above 1,232 bytes is left out. */
export function encodeIcmp(icmp: Icmp): Uint8Array {
  const payload = icmp.payload.length > payloadLimitBytes ? icmp.payload.subarray(0, 0) : icmp.payload;
  const fields = {
    destination: icmp.destination,
    payloadLength: icmpHeaderBytes + payload.length,
    innerHopLimit: 64,
    router: icmp.router,
    sender: icmp.sender,
    type: types[icmp.reason],
    code: 0,
    checksum: 0,
    payload,
  };
  return icmpBody.encode({ ...fields, checksum: checksumOf(icmpBody.encode(fields)) });
}

/** Null: an ICMP of another kind, or one whose checksum is wrong. */
export function decodeIcmp(body: Uint8Array): Icmp | Refusal | null {
  const found = icmpBody.decode(body);
  if (found instanceof Refusal) return found;
  const reason = (Object.keys(types) as IcmpReason[]).find((one) => types[one] === found.type);
  if (reason === undefined || found.code !== 0 || checksumOf(body) !== 0) return null;
  const { destination, router, sender, payload } = found;
  return { reason, destination, router, sender, payload };
}

/** RFC 4443 §2.3: over the addresses, the length, the next header, and the message; 0 when the sum is already in it. */
function checksumOf(body: Uint8Array): number {
  const addresses = body.subarray(24, 56);
  const message = body.subarray(56);
  let sum = sumOf(addresses) + message.length + 58 + sumOf(message);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return ~sum & 0xffff;
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  return sum;
}
