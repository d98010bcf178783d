import type { Address, PublicKey, Subnet } from '#kernel';
import { assert, bytesOfHex } from '#kernel';
import { blake3 } from './blake3.ts';

const addressBytes = 16;
const subnetDigits = 16;

/** The address of a public key: BLAKE3, its first byte replaced by 4 or 5. WIRE.md §1. */
export function addressOf(publicKey: PublicKey): Address {
  const key = bytesOfHex(publicKey);
  assert(key !== null && key.length === 32, 'a public key is 64 hex digits');
  const digest = blake3(key).subarray(0, addressBytes);
  digest[0] = 4 + (oneBits(digest[0] ?? 0) % 2);
  return Buffer.from(digest).toString('hex') as Address;
}

function oneBits(byte: number): number {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}

/** The /64 that a node announces and owns. */
export function subnetOf(address: Address): Subnet {
  return address.slice(0, subnetDigits) as unknown as Subnet;
}

/** Whether the address lies in 400::/7, as every node's does. */
export function isNodeAddress(address: string): boolean {
  return address.startsWith('04') || address.startsWith('05');
}

/** IPv6 text of an address, canonical as in RFC 5952. */
export function formatAddress(address: Address): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    Number.parseInt(address.slice(index * 4, index * 4 + 4), 16).toString(16),
  );
  const [start, length] = longestZeros(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

/** `4f8:84b0:d7be:7300::/64` */
export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(`${subnet}${'0'.repeat(16)}` as Address)}/64`;
}

/** RFC 5952 §4.2: the first of the longest runs of zero groups. */
function longestZeros(groups: readonly string[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== '0') start = index + 1;
    else if (index + 1 - start > best[1]) best = [start, index + 1 - start];
  });
  return best;
}

/** Any IPv6 text (RFC 4291 §2.2 forms 1 and 2) of an address in 400::/7, else null. */
export function parseAddress(text: string): Address | null {
  const address = ipv6Hex(text);
  return address !== null && isNodeAddress(address) ? (address as Address) : null;
}

/** The 16 bytes of any IPv6 address written with groups alone, as 32 hex digits. */
export function ipv6Hex(text: string): string | null {
  const halves = text.toLowerCase().split('::');
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  if (head === undefined) return null;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: tail === undefined ? 0 : missing }, () => '0'), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return null;
  return groups.map((group) => group.padStart(4, '0')).join('');
}
