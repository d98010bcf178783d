import { formatAddress } from '#crypto';
import type { Address } from '#kernel';

/** A stretch of IP addresses as stock's topic configuration names it. */
export interface IpRange {
  /** Canonical: `400::/7`, `10.0.0.0/8`. */
  readonly text: string;
  /** Its first bits as text of zeros and ones; null for IPv4, where no node of the overlay is. */
  readonly bits: string | null;
}

/** `400::/7`, `400::1` (that address alone), `10.0.0.0/8`; null for anything else. */
export function parseRange(text: string): IpRange | null {
  const [, ip = '', digits] = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const four = parseFour(ip);
  if (four !== null) return Number(digits ?? 32) > 32 ? null : { text: `${four}/${Number(digits ?? 32)}`, bits: null };
  const six = parseSix(ip);
  const length = Number(digits ?? 128);
  if (six === null || length > 128) return null;
  return { text: `${formatAddress(six as Address)}/${length}`, bits: bitsOf(six).slice(0, length) };
}

export const isWithin = ({ bits }: IpRange, address: Address): boolean =>
  bits !== null && bitsOf(address).startsWith(bits);

const bitsOf = (hex: string): string => Array.from(hex, (digit) => nibbles[Number.parseInt(digit, 16)] ?? '').join('');
const nibbles = Array.from({ length: 16 }, (_, value) => value.toString(2).padStart(4, '0'));

function parseFour(text: string): string | null {
  const parts = text.split('.');
  const isRight = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return isRight ? text : null;
}

/** 32 hex digits of an IPv6 address (RFC 4291 §2.2, forms 1 and 2). */
function parseSix(text: string): string | null {
  const halves = text.toLowerCase().split('::');
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  if (head === undefined || halves.length > 2) return null;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: tail === undefined ? 0 : missing }, () => '0'), ...(tail ?? [])];
  return groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))
    ? groups.map((group) => group.padStart(4, '0')).join('')
    : null;
}
