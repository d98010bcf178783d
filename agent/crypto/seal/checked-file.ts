import type { SealBackend } from './backend.ts';

const sumBytes = 32;

/** A file of this room: a magic of 4 letters, what it says, and the SHA-256 of both at its end. */
export function closeFile(backend: SealBackend, magic: string, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from(magic, 'ascii'), ...parts]);
  const sum = Buffer.alloc(sumBytes);
  backend.sha256(sum, body);
  const whole = Buffer.concat([body, sum]);
  backend.wipe(body);
  backend.wipe(sum);
  return whole;
}

/** What the file says; null when it is damaged or another's. */
export function openFile(backend: SealBackend, magic: string, bytes: Uint8Array): Reading | null {
  const whole = Buffer.from(bytes);
  const end = whole.length - sumBytes;
  if (end < magic.length || whole.toString('latin1', 0, magic.length) !== magic) return null;
  const sum = Buffer.alloc(sumBytes);
  backend.sha256(sum, whole.subarray(0, end));
  return sum.equals(whole.subarray(end)) ? new Reading(whole.subarray(magic.length, end)) : null;
}

/** Reads numbers and bytes in order. Past the end: zeros, and `isWhole` says so. */
export class Reading {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(size: 1 | 2 | 4 | 6): number {
    const from = this.#at;
    this.#at += size;
    return this.#at > this.#bytes.length ? 0 : this.#bytes.readUIntBE(from, size);
  }

  /** A copy. */
  take(size: number): Buffer {
    const out = Buffer.alloc(size);
    out.set(this.#bytes.subarray(this.#at, this.#at + size));
    this.#at += size;
    return out;
  }

  /** Everything was read, and no more. */
  get isWhole(): boolean {
    return this.#at === this.#bytes.length;
  }
}

export function number(size: 1 | 2 | 4 | 6, value: number): Buffer {
  const out = Buffer.alloc(size);
  out.writeUIntBE(value, 0, size);
  return out;
}
