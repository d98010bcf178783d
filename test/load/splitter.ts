/** Called once a packet: its first byte and its body, `start` to `end` of `bytes` (a view: copy what is kept). */
export type PacketSink = (first: number, bytes: Buffer, start: number, end: number) => void;

/** Cuts a byte stream into MQTT packets without copying, but for the one that two chunks share. */
export class PacketSplitter {
  readonly #sink: PacketSink;
  #rest: Buffer | null = null;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    const used = this.#packets(bytes);
    this.#rest = used === bytes.length ? null : bytes.subarray(used);
  }

  reset(): void {
    this.#rest = null;
  }

  #packets(bytes: Buffer): number {
    let at = 0;
    for (;;) {
      const start = bodyStart(bytes, at + 1);
      if (start === 0) return at;
      const end = start + bodyLength;
      if (end > bytes.length) return at;
      this.#sink(bytes[at] as number, bytes, start, end);
      at = end;
    }
  }
}

/** The last remaining length that `bodyStart` read: a second result without an object per packet. */
let bodyLength = 0;

/** Where the body begins, 0 when the header is not all there. */
function bodyStart(bytes: Buffer, from: number): number {
  bodyLength = 0;
  let scale = 1;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    bodyLength += (byte & 0x7f) * scale;
    if (byte < 0x80) return at + 1;
    scale *= 128;
  }
  return 0;
}
