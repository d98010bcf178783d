import { release } from '#kernel';

/** Memory that frames are gathered in, used again once it is written: fresh memory for every write costs V8 a collection of all each 32 MB. */
export class Slabs {
  readonly #slabBytes: number;
  readonly #kept: number;
  readonly #free: Buffer[] = [];

  constructor(slabBytes = 128 * 1024, kept = 16) {
    this.#slabBytes = slabBytes;
    this.#kept = kept;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#slabBytes);
  }

  /** Nobody looks at it any more. */
  giveBack(slab: Buffer): void {
    if (this.#free.length < this.#kept) this.#free.push(slab);
    else release(slab);
  }
}
