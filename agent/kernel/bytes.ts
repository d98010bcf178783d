/** A Buffer over the same bytes, without a copy. */
export function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Lower-case hex of a stretch of bytes. */
export function hexOf(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return bufferOver(bytes).toString('hex', start, end);
}

/** The bytes of an even number of hex digits; null for anything else. */
export function bytesOfHex(hex: string): Uint8Array | null {
  if (hex.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(hex)) return null;
  return Buffer.from(hex, 'hex');
}
