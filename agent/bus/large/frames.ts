/** Buffers of one length, used again: a new one for each piece would wait for a collection, hundreds at a time. */
export class Frames {
  readonly #bytes: number;
  readonly #limit: number;
  readonly #free: Buffer[] = [];

  constructor(bytes: number, limit: number) {
    this.#bytes = bytes;
    this.#limit = limit;
  }

  /** Whatever was in it is still there. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.from(new ArrayBuffer(this.#bytes));
  }

  /** A stretch of one that was taken, and that nobody looks at any more. */
  give(frame: Uint8Array): void {
    const { buffer } = frame;
    if (this.#free.length < this.#limit && buffer.byteLength === this.#bytes) this.#free.push(Buffer.from(buffer));
  }
}
