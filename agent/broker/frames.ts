/**
 * Cuts a client's bytes into MQTT packets (MQTT 5 §2.1): one byte of type and flags, the remaining length as a varint,
 * the rest. Holds at most one packet that has not wholly come.
 */
export class FrameSplitter {
  readonly #maxBytes: number;
  #buffer: Buffer = Buffer.alloc(0);
  #offset = 0;
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #wanted = 0;

  /** The first byte of the packet found last, its buffer, and where it, its variable header and its end lie. */
  first = 0;
  packet: Buffer = this.#buffer;
  at = 0;
  start = 0;
  end = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bufferedBytes(): number {
    return this.#buffer.length - this.#offset + this.#pieceBytes;
  }

  /** Takes the bytes over. Only after `next` has said `more`, or the packets before it wait behind them. */
  push(chunk: Buffer): void {
    if (this.#pieceBytes > 0) {
      this.#pieces.push(chunk);
      this.#pieceBytes += chunk.length;
    } else if (this.#offset === this.#buffer.length) {
      this.#buffer = chunk;
      this.#offset = 0;
    } else {
      const rest = this.#buffer.subarray(this.#offset);
      this.#pieces = [rest, chunk];
      this.#pieceBytes = rest.length + chunk.length;
    }
  }

  /** Finds the next packet and sets the fields above to it. */
  next(): 'packet' | 'more' | 'malformed' | 'too-large' {
    if (this.#pieceBytes > 0) {
      if (this.#pieceBytes < this.#wanted) return 'more';
      this.#buffer = Buffer.concat(this.#pieces, this.#pieceBytes);
      this.#offset = 0;
      this.#pieces = [];
      this.#pieceBytes = 0;
    }
    const buffer = this.#buffer;
    const from = this.#offset;
    let at = from + 1;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 21) return 'malformed';
      const byte = buffer[at++];
      if (byte === undefined) return this.#wait(0);
      length += (byte & 127) << shift;
      if (byte < 128) break;
    }
    if (at - from + length > this.#maxBytes) return 'too-large';
    if (at + length > buffer.length) return this.#wait(at - from + length);
    this.first = buffer[from] ?? 0;
    this.packet = buffer;
    this.at = from;
    this.start = at;
    this.end = at + length;
    this.#offset = this.end;
    return 'packet';
  }

  #wait(wanted: number): 'more' {
    this.#wanted = wanted;
    return 'more';
  }
}
