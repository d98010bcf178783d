import { constant, layout, Refusal, rest, u8, u32 } from '#codec';

export const hourMs = 3_600_000;
/** The last whole day and the hour that has begun. */
export const hoursKept = 25;
const numberBytes = 8;

/** What has been carried for others, by hours of powered time: no wall clock has a say in it. */
export interface TransitAccount {
  /** Of the hour that has begun. */
  readonly hourLeftMs: number;
  /** Bytes, the current hour last. */
  readonly hours: readonly number[];
}

/** The value that is kept over restarts. 5 bytes and 8 for each hour, the current one last. */
export const transitAccount = layout('transit-account', {
  version: constant(u8, 1),
  hourLeftMs: u32,
  hours: rest(hoursKept * numberBytes),
});

export function encodeTransitAccount({ hourLeftMs, hours }: TransitAccount): Uint8Array {
  const numbers = Buffer.alloc(hours.length * numberBytes);
  for (const [index, bytes] of hours.entries()) numbers.writeBigUInt64BE(BigInt(bytes), index * numberBytes);
  return transitAccount.encode({ hourLeftMs: Math.max(0, Math.ceil(hourLeftMs)), hours: numbers });
}

/** Null: it is none. */
export function decodeTransitAccount(value: Uint8Array): TransitAccount | null {
  const found = transitAccount.decode(value);
  if (found instanceof Refusal || found.hourLeftMs > hourMs) return null;
  const numbers = Buffer.from(found.hours);
  if (numbers.length === 0 || numbers.length % numberBytes !== 0) return null;
  const hours = Array.from({ length: numbers.length / numberBytes }, (_, index) =>
    Number(numbers.readBigUInt64BE(index * numberBytes)),
  );
  return hours.every(Number.isSafeInteger) ? { hourLeftMs: found.hourLeftMs, hours } : null;
}
