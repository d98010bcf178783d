import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { type AtRestKey, atRestKeyIdBytes, atRestNonceBytes, atRestSaltBytes, atRestTagBytes } from '#crypto';
import { pageBytes, type Random } from '#kernel';
import { type BatchHeader, type BatchPlace, recordsAt, sealBatch, writeBatchHeader, writeChecksum } from './batch.ts';
import { keyWith, type RingKeys } from './keys.ts';
import { batchHeaderBytes, coat, padded, putUint48, tallyEntryBytes, viewOf } from './layout.ts';

const lengthBytes = 4;
const saltAt = atRestKeyIdBytes;
const nonceAt = saltAt + atRestSaltBytes;
const tagAt = nonceAt + atRestNonceBytes;
const sealBytes = tagAt + atRestTagBytes;
/** What stands before the body of a wrapped batch, at most. */
export const wrapBytes = lengthBytes + sealBytes;
/** More than any batch is: what a wrapped one announces beyond is not believed. */
const largestPlain = 4 * 1024 * 1024;
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const longestPause = 64;

export interface WrappingOptions {
  readonly compress: boolean;
  readonly keys: RingKeys;
  /** Of this start alone: its epoch. */
  readonly salt: Uint8Array;
  readonly random: Random;
}

/** Where the tally and the records of a batch lie that is read. */
export interface Unwrapped {
  readonly bytes: Buffer;
  /** The records: the tally stands before them. */
  readonly from: number;
  readonly end: number;
}

/** A batch on its way to the disk: its length there is known, its place not yet. */
export interface Wrapped {
  readonly header: BatchHeader;
  readonly body: Uint8Array;
}

/**
 * Compresses batches where that saves pages, and enciphers them.
 *
 *     header | length of tally and records u32 | key id, salt, nonce, tag (enciphered ones) | tally and records, coded
 */
export class Wrapping {
  readonly #options: WrappingOptions;
  /** Batches that are not tried, since the last one did not pay. */
  #pause = 0;
  #nextPause = 1;
  #nonces = 0;
  compressed = 0;

  constructor(options: WrappingOptions) {
    this.#options = options;
  }

  /** What segments begun now say of themselves; null: plain. */
  get keyId(): string | null {
    return this.#key?.id ?? null;
  }

  get keys(): RingKeys {
    return this.#options.keys;
  }

  /** Null when the batch goes to the disk as it is. `bytes`: header, tally, records. */
  wrap(bytes: Uint8Array, header: BatchHeader): Wrapped | null {
    const plain = bytes.subarray(batchHeaderBytes, header.length);
    const small = this.#compressed(plain, padded(header.length));
    const key = this.#key;
    if (small === null && key === null) return null;
    const body = small ?? plain;
    const front = key === null ? lengthBytes : wrapBytes;
    const flags = (small === null ? 0 : coat.compressed) | (key === null ? 0 : coat.encrypted);
    return { header: { ...header, length: batchHeaderBytes + front + body.length, coat: flags }, body };
  }

  /** Writes the wrapped batch into `into`, as it lies on the disk. `plainLength`: of header, tally and records. */
  seal({ header, body }: Wrapped, plainLength: number, place: BatchPlace, into: Uint8Array): void {
    writeBatchHeader(into, header, place);
    viewOf(into).setUint32(batchHeaderBytes, plainLength - batchHeaderBytes, true);
    const front = into.subarray(batchHeaderBytes + lengthBytes, header.length);
    const key = this.#key;
    if (key === null) front.set(body);
    else this.#encipher(key, into.subarray(8, batchHeaderBytes + lengthBytes), body, front);
    writeChecksum(into, header.length);
  }

  /** So much room behind its header a batch needs that is sealed where it stands. */
  get frontBytes(): number {
    return this.#key === null ? 0 : wrapBytes;
  }

  /** Seals a batch where it stands, its tally and records behind the header and `frontBytes`. */
  sealInPlace(bytes: Uint8Array, header: BatchHeader, place: BatchPlace): void {
    const key = this.#key;
    if (key === null) return sealBatch(bytes, header, place);
    writeBatchHeader(bytes, { ...header, coat: coat.encrypted }, place);
    viewOf(bytes).setUint32(batchHeaderBytes, header.length - batchHeaderBytes - wrapBytes, true);
    const front = bytes.subarray(batchHeaderBytes + lengthBytes, header.length);
    this.#encipher(key, bytes.subarray(8, batchHeaderBytes + lengthBytes), front.subarray(sealBytes), front);
    writeChecksum(bytes, header.length);
  }

  /** The plain content of the whole batch at `at`; null when it is not what was written, or its key is not here. */
  unwrap(bytes: Buffer, at: number, header: BatchHeader): Unwrapped | null {
    return unwrapBatch(this.#options.keys, bytes, at, header);
  }

  /** Pieces of a checkpoint as they go to the disk. */
  cover(pieces: Iterable<Buffer>): Iterable<Buffer> {
    const key = this.#key;
    return key === null ? pieces : coverPieces(key, this.#options.salt, () => this.#nonce(), pieces);
  }

  get #key(): AtRestKey | null {
    return this.#options.keys.writing;
  }

  #compressed(plain: Uint8Array, diskBytes: number): Buffer | null {
    if (!this.#options.compress || diskBytes <= pageBytes) return null;
    if (this.#pause > 0) {
      this.#pause--;
      return null;
    }
    const small = zstdCompressSync(plain, level);
    const after = padded(batchHeaderBytes + wrapBytes + small.length);
    if (after > (diskBytes * 7) / 8) {
      this.#pause = this.#nextPause;
      this.#nextPause = Math.min(longestPause, this.#nextPause * 2);
    } else this.#nextPause = 1;
    if (after >= diskBytes) return null;
    this.compressed++;
    return small;
  }

  #encipher(key: AtRestKey, about: Uint8Array, body: Uint8Array, front: Uint8Array): void {
    const { salt } = this.#options;
    const nonce = this.#nonce();
    front.set(Buffer.from(key.id, 'hex'), 0);
    front.set(salt, saltAt);
    front.set(nonce, nonceAt);
    front.set(key.seal(salt, nonce, [about], body, front.subarray(sealBytes)), tagAt);
  }

  /** Never twice with one salt: a counter; and should two processes ever have one salt, 48 random bits. */
  #nonce(): Uint8Array {
    const nonce = new Uint8Array(atRestNonceBytes);
    putUint48(viewOf(nonce), 0, this.#nonces++);
    nonce.set(this.#options.random.bytes(6), 6);
    return nonce;
  }
}

/** The key that the batch at `at` is enciphered under; null: none. */
export function keyIdOf(bytes: Buffer, at: number, header: BatchHeader): string | null {
  if (((header.coat ?? 0) & coat.encrypted) === 0) return null;
  const idAt = at + batchHeaderBytes + lengthBytes;
  return bytes.toString('hex', idAt, idAt + atRestKeyIdBytes);
}

export function unwrapBatch(keys: RingKeys, bytes: Buffer, at: number, header: BatchHeader): Unwrapped | null {
  const end = at + header.length;
  const flags = header.coat ?? 0;
  if (flags === 0) return { bytes, from: at + recordsAt(header), end };
  const plainLength = viewOf(bytes).getUint32(at + batchHeaderBytes, true);
  if (plainLength > largestPlain || plainLength < header.tallied * tallyEntryBytes) return null;
  const bodyAt = at + batchHeaderBytes + lengthBytes;
  const about = bytes.subarray(at + 8, bodyAt);
  const sealed = bytes.subarray(bodyAt, end);
  const body = (flags & coat.encrypted) === 0 ? sealed : deciphered(keys, about, sealed);
  const plain = body === null || (flags & coat.compressed) === 0 ? body : decompressed(body, plainLength);
  if (plain === null || plain.length !== plainLength) return null;
  return { bytes: plain, from: header.tallied * tallyEntryBytes, end: plain.length };
}

function deciphered(keys: RingKeys, about: Uint8Array, front: Buffer): Buffer | null {
  if (front.length < sealBytes) return null;
  const key = keyWith(keys, front.toString('hex', 0, saltAt));
  if (key === undefined) return null;
  const salt = front.subarray(saltAt, nonceAt);
  const nonce = front.subarray(nonceAt, tagAt);
  return key.open(salt, nonce, [about], front.subarray(sealBytes), front.subarray(tagAt, sealBytes));
}

function decompressed(body: Buffer, plainLength: number): Buffer | null {
  try {
    return zstdDecompressSync(body, { maxOutputLength: Math.max(1, plainLength) });
  } catch {
    return null;
  }
}

const coverMagic = 0x58435948; // HYCX
const coverHeadBytes = 8 + atRestKeyIdBytes + atRestSaltBytes;
const pieceHeadBytes = 4 + atRestNonceBytes + atRestTagBytes;
const lastPiece = 0x8000_0000;

function* coverPieces(
  key: AtRestKey,
  salt: Uint8Array,
  nonceOf: () => Uint8Array,
  pieces: Iterable<Buffer>,
): Generator<Buffer> {
  const head = Buffer.alloc(coverHeadBytes);
  head.writeUInt32LE(coverMagic, 0);
  head.writeUInt16LE(1, 4);
  head.write(key.id, 8, 'hex');
  head.set(salt, 8 + atRestKeyIdBytes);
  yield head;
  let index = 0;
  let waiting: Buffer | null = null;
  const sealed = (piece: Buffer, isLast: boolean): Buffer => {
    const out = Buffer.allocUnsafe(pieceHeadBytes + piece.length);
    const nonce = nonceOf();
    out.writeUInt32LE((piece.length | (isLast ? lastPiece : 0)) >>> 0, 0);
    out.set(nonce, 4);
    const about = aboutPiece(head, index++, out);
    out.set(key.seal(salt, nonce, [about], piece, out.subarray(pieceHeadBytes)), 4 + atRestNonceBytes);
    return out;
  };
  for (const piece of pieces) {
    if (waiting !== null) yield sealed(waiting, false);
    waiting = piece;
  }
  yield sealed(waiting ?? Buffer.alloc(0), true);
}

/** A piece belongs to its file, at its place in it. */
function aboutPiece(head: Buffer, index: number, piece: Buffer): Buffer {
  const place = Buffer.alloc(8);
  place.writeUInt32LE(index, 0);
  place.writeUInt32LE(piece.readUInt32LE(0), 4);
  return Buffer.concat([head, place]);
}

/** Null: not enciphered. Otherwise the key that it needs. */
export function coverKey(bytes: Buffer): string | null {
  if (bytes.length < coverHeadBytes || bytes.readUInt32LE(0) !== coverMagic) return null;
  return bytes.toString('hex', 8, 8 + atRestKeyIdBytes);
}

/** The plain pieces of an enciphered checkpoint, together; null when it is damaged. */
export function uncover(key: AtRestKey, bytes: Buffer): Buffer | null {
  const head = bytes.subarray(0, coverHeadBytes);
  const salt = head.subarray(8 + atRestKeyIdBytes);
  const pieces: Buffer[] = [];
  for (let at = coverHeadBytes; at + pieceHeadBytes <= bytes.length; ) {
    const word = bytes.readUInt32LE(at);
    const end = at + pieceHeadBytes + (word & ~lastPiece);
    if (end > bytes.length || end < at + pieceHeadBytes) return null;
    const piece = bytes.subarray(at, end);
    const about = aboutPiece(head, pieces.length, piece);
    const nonce = piece.subarray(4, 4 + atRestNonceBytes);
    const tag = piece.subarray(4 + atRestNonceBytes, pieceHeadBytes);
    const plain = key.open(salt, nonce, [about], piece.subarray(pieceHeadBytes), tag);
    if (plain === null) return null;
    pieces.push(plain);
    at = end;
    if ((word & lastPiece) !== 0) return at === bytes.length ? Buffer.concat(pieces) : null;
  }
  return null;
}
