import type { Explained } from '#codec';
import { formatAddress, formatSubnet } from '#crypto';
import type { Address, Subnet } from '#kernel';
import { layoutOfType } from '../wire/control.ts';

type Meaning = (row: Explained, rows: readonly Explained[]) => string | null;

const address: Meaning = ({ hex, size }) => (size === 16 ? formatAddress(hex as Address) : null);
const centiseconds: Meaning = ({ text }) => `${Number(text) / 100} s`;

const encodings = ['none', 'IPv4', 'IPv6', 'link-local IPv6'];
const encoding: Meaning = ({ text }) => `${text}: ${encodings[Number(text)] ?? 'unknown'}`;

/** The key of a router id, and the part that is new at each start. */
const routerId: Meaning = ({ hex, size }) => (size === 40 ? `key ${hex.slice(0, 64)}, start ${hex.slice(-12)}` : null);

const prefix: Meaning = ({ hex, size }, rows) => {
  const bits = rows.find(({ name }) => name === 'prefixLength')?.text;
  if (size === 0) return 'all of them';
  if (size === 8 && bits === '64') return formatSubnet(hex as Subnet);
  return size === 16 ? `${formatAddress(hex as Address)}/${bits}` : `${hex}/${bits}`;
};

/** A packet holds one TLV; a link over which another comes is closed. */
const tlvLength: Meaning = ({ text }, rows) => {
  const body = rows.find(({ name }) => name === 'bodyLength')?.text;
  const wanted = Number(body) + 2;
  return body !== undefined && Number(text) !== wanted ? `${text}, wanted ${wanted}: one TLV` : `${text} bytes of TLV`;
};

/** What a field means to a reader, by table and name; what stands nowhere here shows its value. */
const meanings: Readonly<Record<string, Readonly<Record<string, Meaning>>>> = {
  frame: { type: ({ text }) => (text === '0' ? '0: data packet' : text === '1' ? '1: control packet' : null) },
  data: {
    length: ({ text }) => `${text} bytes of payload`,
    source: address,
    destination: address,
  },
  sealed: {
    ciphertext: ({ size }) => `${size} bytes, sealed between source and destination`,
  },
  control: {
    length: tlvLength,
    type: ({ text }) => `${text}: ${layoutOfType(Number(text))?.name ?? 'unknown'}`,
    bodyLength: ({ text }) => `${text} bytes of body`,
  },
  hello: { flags: ({ text }) => (text === '32768' ? 'unicast' : null), interval: centiseconds },
  ihu: { addressEncoding: encoding, interval: centiseconds, address: ({ size }) => (size === 0 ? 'none' : null) },
  update: {
    addressEncoding: encoding,
    interval: centiseconds,
    metric: ({ text }) => (text === '65535' ? 'retracted' : null),
    prefix,
    routerId,
  },
  'route-request': { addressEncoding: encoding, prefix },
  'seqno-request': { addressEncoding: encoding, prefix, routerId },
  beacon: { port: ({ text }) => `links at TCP port ${text}`, routerId },
};

/** Null: its value says it all. */
export function meaningOf(table: string, row: Explained, rows: readonly Explained[]): string | null {
  if (row.type === 'refused') return null;
  return meanings[table]?.[row.name]?.(row, rows) ?? null;
}
