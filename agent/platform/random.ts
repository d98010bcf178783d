import { randomBytes } from 'node:crypto';
import type { Random } from '#kernel';

/** The operating system's chance. `fraction` is for jitter alone. */
export function systemRandom(): Random {
  return { bytes: (length) => randomBytes(length), fraction: () => Math.random() };
}
