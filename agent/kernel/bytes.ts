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

const releaseFromBytes = 8192;

/**
 * Gives the memory of a long buffer back now, not at a collection: V8 collects everything after each 32 MB or so outside its
 * heap. Only for memory of one's own that nothing else looks at: every view of it is empty afterwards. Nothing happens to
 * a small stretch of something larger.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer.byteLength < releaseFromBytes || bytes.length * 2 < buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
