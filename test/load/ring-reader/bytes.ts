/** Reads little-endian fields one after the other (agent/ring/FORMAT.md). */
export class Fields {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#move(1));
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#move(2));
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#move(4));
  }

  u48(): number {
    return this.#bytes.readUIntLE(this.#move(6), 6);
  }

  hex(length: number): string {
    const at = this.#move(length);
    return this.#bytes.toString('hex', at, at + length);
  }

  bytes(length: number): Buffer {
    const at = this.#move(length);
    return this.#bytes.subarray(at, at + length);
  }

  text(length: number): string {
    const at = this.#move(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** Length u32, UTF-8. */
  longText(): string {
    return this.text(this.u32());
  }

  list<T>(item: () => T): T[] {
    return Array.from({ length: this.u32() }, item);
  }

  #move(by: number): number {
    const at = this.#at;
    if (at + by > this.#bytes.length) throw new Error(`ring reader: ${this.#bytes.length} bytes, wanted ${at + by}`);
    this.#at += by;
    return at;
  }
}
