import { crc32 } from 'node:zlib';
import type { DiskFile } from '#kernel';
import { pageBytes } from '#kernel';
import { batchIsWhole, peekBatch, segmentClaimed } from './batch.ts';
import { viewOf } from './layout.ts';
import { decodeSegmentHeader, type SegmentHeader } from './segment.ts';

/** Fields end here; zeros follow, then the checksum. */
const fieldBytes = 56;
const largestBatch = 4 * 1024 * 1024;

/** A header of which one bit in its fields or checksum has turned over, or any in its zeros; null when more is wrong. */
export function repairedHeader(damaged: Uint8Array): SegmentHeader | null {
  if (damaged.length < pageBytes || !looksLikeOne(damaged)) return null;
  const page = damaged.slice();
  page.fill(0, fieldBytes, pageBytes - 4);
  const view = viewOf(page);
  const written = view.getUint32(pageBytes - 4, true);
  const fits = (): boolean => bitsSet(written ^ crc32(page.subarray(0, pageBytes - 4))) === 0;
  const checksumBits = bitsSet(written ^ crc32(page.subarray(0, pageBytes - 4)));
  for (let bit = 0; checksumBits > 1 && bit < fieldBytes * 8; bit++) {
    const at = bit >> 3;
    page[at] = (page[at] as number) ^ (1 << (bit & 7));
    if (fits()) return decodeSegmentHeader(page);
    page[at] = (page[at] as number) ^ (1 << (bit & 7));
  }
  if (checksumBits > 1) return null;
  view.setUint32(pageBytes - 4, crc32(page.subarray(0, pageBytes - 4)), true);
  return decodeSegmentHeader(page);
}

/** The magic, but for one bit at most. */
function looksLikeOne(page: Uint8Array): boolean {
  const magic = [0x48, 0x59, 0x52, 0x53];
  return magic.reduce((sum, byte, at) => sum + bitsSet(byte ^ (page[at] as number)), 0) <= 1;
}

function bitsSet(word: number): number {
  let count = 0;
  for (let left = word >>> 0; left !== 0; left >>>= 1) count += left & 1;
  return count;
}

/**
 * The ring that a file's batches say they are of, when no header can be read: the first half of its id, and what stands
 * in the damaged header of the other. Null when no batch is whole.
 */
export async function ringIdOfBatches(file: DiskFile, size: number): Promise<Uint8Array | null> {
  const page = Buffer.alloc(pageBytes);
  for (let at = 0; at < size; at += pageBytes) {
    if ((await file.read(page, at)) < pageBytes) continue;
    const segment = segmentClaimed(page, 0);
    if (segment === null) continue;
    const offset = viewOf(page).getUint32(32, true);
    const ringId = new Uint8Array(16);
    ringId.set(page.subarray(56, 64));
    const header = peekBatch(page, 0, { ringId, segment, offset });
    if (header === null || header.length > largestBatch || offset > at) continue;
    const bytes = Buffer.alloc(header.length);
    await file.read(bytes, at);
    if (!batchIsWhole(bytes, 0, header.length)) continue;
    await file.read(page, at - offset);
    ringId.set(page.subarray(16, 24), 8);
    return ringId;
  }
  return null;
}
