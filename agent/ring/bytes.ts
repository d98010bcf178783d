import type { PublicKey } from '#kernel';
import { AgentError } from '#kernel';

const none = 0xffff_ffff;
const noKey = '0'.repeat(64);

/** Grows as it is written to. For the rare records; messages are written in place. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(256);
  #length = 0;

  uint16(value: number): void {
    this.#length = this.#room(2).writeUInt16LE(value, this.#length);
  }

  uint32(value: number): void {
    this.#length = this.#room(4).writeUInt32LE(value, this.#length);
  }

  uint48(value: number): void {
    this.#length = this.#room(6).writeUIntLE(value, this.#length, 6);
  }

  /** Length u32, then the bytes. */
  bytes(value: Uint8Array): void {
    this.uint32(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    this.#room(value.length).set(value, this.#length);
    this.#length += value.length;
  }

  optional(value: Uint8Array | null): void {
    if (value === null) this.uint32(none);
    else this.bytes(value);
  }

  /** 32 bytes; zeros for null. */
  key(value: PublicKey | null): void {
    this.raw(Buffer.from(value ?? noKey, 'hex'));
  }

  get length(): number {
    return this.#length;
  }

  /** What was written so far; the writer begins anew. */
  done(): Buffer {
    const written = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafe(256);
    this.#length = 0;
    return written;
  }

  #room(more: number): Buffer {
    if (this.#length + more > this.#bytes.length) {
      const wider = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
      this.#bytes.copy(wider, 0, 0, this.#length);
      this.#bytes = wider;
    }
    return this.#bytes;
  }
}

/** Throws `ring/damaged` at the end of the bytes. What it returns as bytes is a view. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  uint16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  uint48(): number {
    return this.#bytes.readUIntLE(this.#take(6), 6);
  }

  bytes(): Buffer {
    return this.raw(this.uint32());
  }

  raw(length: number): Buffer {
    const from = this.#take(length);
    return this.#bytes.subarray(from, from + length);
  }

  optional(): Uint8Array | null {
    const length = this.uint32();
    return length === none ? null : Uint8Array.prototype.slice.call(this.raw(length));
  }

  key(): PublicKey | null {
    const hex = this.raw(32).toString('hex');
    return hex === noKey ? null : (hex as PublicKey);
  }

  #take(length: number): number {
    const from = this.#at;
    if (from + length > this.#bytes.length) throw new AgentError('ring/damaged', 'reject', 'ring: record cut short');
    this.#at += length;
    return from;
  }
}
