import { isRefusal, type Layout } from '#codec';
import { assert } from '#kernel';

/** What is written again from what was read, read and written once more, is the same to the byte. */
export function assertSame(once: Uint8Array, twice: Uint8Array): void {
  assert(Buffer.compare(once, twice) === 0, `${Buffer.from(twice).toString('hex')}, wanted ${hex(once)}`);
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The value of a table, which written again is the same; null when it is refused. */
export function readTable<T extends object>(table: Layout<T>, bytes: Uint8Array): T | null {
  const value = table.decode(bytes);
  if (isRefusal(value)) return null;
  const written = table.encode(value);
  const again = table.decode(written);
  assert(!isRefusal(again), `${table.name}: ${hex(written)} refused`);
  assertSame(written, table.encode(again));
  return value;
}
