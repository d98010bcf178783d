import type { Epoch } from '#kernel';

/** A boot counter (u32, big-endian, so that hex sorts by boot) and 64 random bits. */
export function makeEpoch(boot: number, random: Uint8Array): Epoch {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(boot, 0);
  bytes.set(random.subarray(0, 8), 4);
  return epochOf(bytes);
}

export const epochOf = (bytes: Uint8Array): Epoch =>
  Buffer.from(bytes.buffer, bytes.byteOffset, 12).toString('hex') as Epoch;

export const epochBytes = (epoch: Epoch): Uint8Array => Buffer.from(epoch, 'hex');

export const bootOf = (epoch: Epoch): number => Number.parseInt(epoch.slice(0, 8), 16);
