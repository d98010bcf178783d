const smallestBytes = 256 * 1024;
const limitBytes = 4 * 1024 * 1024;

/**
 * Memory that the disk is read into, used again: a fresh buffer for each read would wait for the garbage collector by the
 * hundred megabytes. Bounded: what comes back beyond the limit is left to the collector.
 */
export class ReadBuffers {
  readonly #free: Buffer[] = [];
  #freeBytes = 0;

  /** At least `bytes` long; its content is arbitrary. */
  take(bytes: number): Buffer {
    const index = this.#free.findIndex((buffer) => buffer.length >= bytes);
    const found = index < 0 ? undefined : this.#free.splice(index, 1)[0];
    if (found === undefined) return Buffer.allocUnsafeSlow(sizeFor(bytes));
    this.#freeBytes -= found.length;
    return found;
  }

  /** Nobody reads it any more. */
  giveBack(buffer: Buffer): void {
    if (this.#freeBytes + buffer.length > limitBytes) return;
    this.#freeBytes += buffer.length;
    this.#free.push(buffer);
    this.#free.sort((a, b) => a.length - b.length);
  }
}

/** Few sizes, so that one fits another's need. */
function sizeFor(bytes: number): number {
  let size = smallestBytes;
  while (size < bytes) size *= 2;
  return size;
}
