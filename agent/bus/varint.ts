/** Unsigned LEB128, below 2^53: at most 8 bytes. */
export const maxVarintBytes = 8;

/** Writes and returns the position behind. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  let position = at;
  let left = value;
  while (left > 0x7fff_ffff) {
    into[position++] = (left % 128) | 0x80;
    left = Math.floor(left / 128);
  }
  while (left > 0x7f) {
    into[position++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  into[position++] = left;
  return position;
}

/** Reads one after the other; `bad` stays set once anything was short or too long. */
export class VarintReader {
  readonly bytes: Uint8Array;
  at: number;
  bad = false;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const value = this.bytes[this.at];
    if (value === undefined) {
      this.bad = true;
      return 0;
    }
    this.at++;
    return value;
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < maxVarintBytes; count++) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return this.#checked(value);
      factor *= 128;
    }
    this.bad = true;
    return 0;
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    const end = this.at + length;
    if (this.bad || end > this.bytes.length) {
      this.bad = true;
      return this.bytes.subarray(0, 0);
    }
    const taken = this.bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  #checked(value: number): number {
    if (value > Number.MAX_SAFE_INTEGER) this.bad = true;
    return this.bad ? 0 : value;
  }
}
