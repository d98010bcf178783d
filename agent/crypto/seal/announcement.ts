import { isBound, signatureBytes } from './binding.ts';
import { isCanonical } from './edwards.ts';
import { type Derivations, keyBytes, type NodeKeys } from './keys.ts';
import { label } from './labels.ts';
import { currentSuite } from './suite.ts';

/**
 * Announcement, format 1: `ver 01 | A1 | X 32 | E 32 | epoch u32 | rk 32 | ext_len u16 | ext | bind 64 | sigE 64`.
 * 232 bytes and the extensions: TLVs of type u8, length u16.
 */
export interface Announcement {
  readonly identity: Buffer;
  readonly verifier: Buffer;
  readonly epoch: number;
  readonly receiveKey: Buffer;
  /** The highest suite that it says it can. */
  readonly suite: number;
  readonly bytes: Buffer;
}

/** The part that changes with the epoch, for who knows the rest: `epoch u32 | rk 32 | ext_len u16 | ext | sigE 64`. */
export interface Renewal {
  readonly epoch: number;
  readonly receiveKey: Buffer;
  readonly extensions: Buffer;
  readonly signature: Buffer;
}

const announceLabel = label('announce');
const version = 1;
const mark = 0xa1;
const headBytes = 2;
const fixedBytes = headBytes + 2 * keyBytes + 4 + keyBytes + 2;
const extensionAt = fixedBytes;
const tailBytes = 2 * signatureBytes;
export const extensionLimitBytes = 2048;
export const announcementBytes = fixedBytes + tailBytes;
export const announcementLimitBytes = announcementBytes + extensionLimitBytes;
const suitesType = 1;

/** Type 1: the suites that can be opened here. Type 2 is kept for a key of ML-KEM-768. Others are skipped. */
const ownExtensions: Buffer = Buffer.of(suitesType, 0, 1, currentSuite);

export function announce(
  derivations: Derivations,
  keys: NodeKeys,
  bound: Buffer,
  epoch: number,
  receiveKey: Buffer,
  extensions = ownExtensions,
): Buffer {
  const bytes = Buffer.alloc(announcementBytes + extensions.length);
  const open = unsigned(keys.open, keys.verifier, { epoch, receiveKey, extensions }, bound);
  open.copy(bytes);
  const message = Buffer.concat([announceLabel, open]);
  derivations.backend.sign(bytes.subarray(open.length), message, keys.signSeed);
  return bytes;
}

/** The announcement in the bytes; null unless it is whole, of that identity, bound and signed, and its key well-formed. */
export function readAnnouncement(derivations: Derivations, identity: Buffer, given: Uint8Array): Announcement | null {
  const read = parseAnnouncement(identity, given);
  if (read === null) return null;
  const { bytes, verifier } = read;
  const open = bytes.subarray(0, bytes.length - signatureBytes);
  const bound = open.subarray(open.length - signatureBytes);
  if (!isBound(derivations, identity, verifier, bound)) return null;
  const message = Buffer.concat([announceLabel, open]);
  return derivations.backend.verify(bytes.subarray(open.length), message, verifier) ? read : null;
}

/** The same without looking at the signatures: for what was verified before it was stored. */
export function parseAnnouncement(identity: Buffer, given: Uint8Array): Announcement | null {
  const bytes = Buffer.from(given);
  const size = extensionSize(bytes);
  if (size === null || bytes.length !== announcementBytes + size) return null;
  const isOf = bytes.subarray(headBytes, headBytes + keyBytes).equals(identity);
  const verifier = bytes.subarray(headBytes + keyBytes, headBytes + 2 * keyBytes);
  const epoch = bytes.readUInt32BE(headBytes + 2 * keyBytes);
  const receiveKey = bytes.subarray(headBytes + 2 * keyBytes + 4, extensionAt - 2);
  const suite = highestSuite(bytes.subarray(extensionAt, extensionAt + size));
  if (!isOf || suite === null || epoch === 0 || !isCanonical(receiveKey)) return null;
  return { identity: Buffer.from(identity), verifier, epoch, receiveKey, suite, bytes };
}

/** The length of the announcement that begins here, for a list of them; null when it cannot be one. */
export function announcementSize(bytes: Buffer): number | null {
  const size = extensionSize(bytes);
  return size === null ? null : announcementBytes + size;
}

export function renewalOf(announcement: Buffer): Buffer {
  return Buffer.concat([
    announcement.subarray(headBytes + 2 * keyBytes, announcement.length - tailBytes),
    announcement.subarray(announcement.length - signatureBytes),
  ]);
}

/** A renewal at the beginning of the bytes, with its size; null when it is cut short. */
export function readRenewal(bytes: Buffer): { readonly renewal: Renewal; readonly size: number } | null {
  const head = 4 + keyBytes + 2;
  if (bytes.length < head) return null;
  const extensionBytes = bytes.readUInt16BE(4 + keyBytes);
  const size = head + extensionBytes + signatureBytes;
  if (extensionBytes > extensionLimitBytes || bytes.length < size) return null;
  const renewal = {
    epoch: bytes.readUInt32BE(0),
    receiveKey: bytes.subarray(4, 4 + keyBytes),
    extensions: bytes.subarray(head, head + extensionBytes),
    signature: bytes.subarray(head + extensionBytes, size),
  };
  return { renewal, size };
}

/** The whole announcement again: what a renewal leaves out stands in the one that is known. */
export function renewed(known: Buffer, { signature, ...rest }: Renewal): Buffer {
  const identity = known.subarray(headBytes, headBytes + keyBytes);
  const verifier = known.subarray(headBytes + keyBytes, headBytes + 2 * keyBytes);
  const bound = known.subarray(known.length - tailBytes, known.length - signatureBytes);
  return Buffer.concat([unsigned(identity, verifier, rest, bound), signature]);
}

function unsigned(identity: Buffer, verifier: Buffer, rest: Omit<Renewal, 'signature'>, bound: Buffer): Buffer {
  const numbers = Buffer.alloc(6);
  numbers.writeUInt32BE(rest.epoch);
  numbers.writeUInt16BE(rest.extensions.length, 4);
  const [epoch, size] = [numbers.subarray(0, 4), numbers.subarray(4)];
  return Buffer.concat([
    Buffer.of(version, mark),
    identity,
    verifier,
    epoch,
    rest.receiveKey,
    size,
    rest.extensions,
    bound,
  ]);
}

function extensionSize(bytes: Buffer): number | null {
  if (bytes.length < announcementBytes || bytes[0] !== version || bytes[1] !== mark) return null;
  const size = bytes.readUInt16BE(extensionAt - 2);
  return size <= extensionLimitBytes ? size : null;
}

/** Null when the TLVs do not add up. Without the list: suite 1. */
function highestSuite(extensions: Buffer): number | null {
  let suite = 1;
  let at = 0;
  while (at < extensions.length) {
    if (at + 3 > extensions.length) return null;
    const end = at + 3 + extensions.readUInt16BE(at + 1);
    if (end > extensions.length) return null;
    if (extensions[at] === suitesType) suite = Math.max(suite, ...extensions.subarray(at + 3, end));
    at = end;
  }
  return suite;
}
