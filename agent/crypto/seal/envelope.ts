import { keyBytes } from './keys.ts';
import { currentSuite } from './suite.ts';

/**
 * Envelope, suite 1: `suite | kind | rk_id 8 | enc 32 | hint 8 | salt 16 | ciphertext | tag 16`. The first 66 bytes are
 * authenticated with it; the first 50 name its context. FORMAT.md.
 */
export const at = { kind: 1, keyId: 2, enc: 10, hint: 42, salt: 50, sealed: 66 } as const;
export const tagBytes = 16;
export const saltBytes = 16;

/** Kind 4 is kept for groups. */
export const envelopeKind = { data: 1, dataToIdentity: 2, control: 3, answer: 5 } as const;
export type EnvelopeKind = (typeof envelopeKind)[keyof typeof envelopeKind];

/** Inner: `flags | epoch sealed to u32 | drained u32 | [announcement or renewal] | payload`. */
export const innerBytes = 9;
export const innerFlag = { renewal: 1, announcement: 2 } as const;

/** What sealing adds to a payload when nothing is announced. */
export const sealingBytes = at.sealed + innerBytes + tagBytes;
/** Larger ones are refused unread: the largest frame of the bus and all that sealing adds. */
export const envelopeLimitBytes = 4 * 1024 * 1024 + 8192;

/** A header to read; null when it is no envelope of a kind that is opened here. */
export function readHeader(bytes: Buffer): { readonly suite: number; readonly kind: EnvelopeKind } | null {
  if (bytes.length < sealingBytes || bytes.length > envelopeLimitBytes) return null;
  const kind = bytes[at.kind];
  switch (kind) {
    case envelopeKind.data:
    case envelopeKind.dataToIdentity:
    case envelopeKind.control:
    case envelopeKind.answer:
      return { suite: bytes[0] ?? 0, kind };
    default:
      return null;
  }
}

/** The first 42 bytes; the hint follows when it is known. */
export function writeHeader(kind: EnvelopeKind, keyId: Buffer, enc: Buffer): Buffer {
  const header = Buffer.alloc(at.salt);
  header[0] = currentSuite;
  header[at.kind] = kind;
  keyId.copy(header, at.keyId);
  enc.copy(header, at.enc, 0, keyBytes);
  return header;
}

export const isToIdentity = (kind: EnvelopeKind): boolean =>
  kind === envelopeKind.dataToIdentity || kind === envelopeKind.answer;
