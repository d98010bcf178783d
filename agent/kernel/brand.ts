declare const brand: unique symbol;

/** A value of type `T` that only its own constructor may make, so that a port number is never taken for a sequence number. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** X25519 public key, 32 bytes as 64 lower-case hex digits. A string, so that it keys a Map. */
export type PublicKey = Brand<string, 'PublicKey'>;

/** Overlay address, 16 bytes as 32 lower-case hex digits (see `formatAddress` in #crypto for the IPv6 form). */
export type Address = Brand<string, 'Address'>;

/** The first 8 bytes of an overlay address, 16 lower-case hex digits: what a node announces and owns. */
export type Subnet = Brand<string, 'Subnet'>;

/** Position of a record in one ring: 1, 2, 3 … without holes, below 2^53. 0 means "before the first". */
export type Sequence = Brand<number, 'Sequence'>;

/** One boot of one ring: boot counter (u32) and 64 random bits, 12 bytes as 24 lower-case hex digits. Sorts by boot. */
export type Epoch = Brand<string, 'Epoch'>;

const keyPattern = /^[0-9a-f]{64}$/;

/** Takes 64 hex digits of either case. Returns null for anything else. */
export function parsePublicKey(text: string): PublicKey | null {
  const lower = text.toLowerCase();
  return keyPattern.test(lower) ? (lower as PublicKey) : null;
}

export const sequence = (value: number): Sequence => value as Sequence;
