import { bufferOver } from '#kernel';
import { dataHeaderBytes } from './data.ts';
import { frameHeaderBytes, frameType } from './frame.ts';

/** Where whole packets go. Called synchronously inside `push`; the bytes are a view of the input unless they were cut. */
export interface FrameSink {
  /** A data frame with its frame header. The bytes are good until this returns: their memory may be used again. */
  data(frame: Uint8Array): void;
  /** A control packet without its frame header. */
  control(packet: Uint8Array): void;
  /** A control packet of another protocol, to be counted. */
  skipped(): void;
}

const controlHeaderBytes = 6;
const headBytes = frameHeaderBytes + controlHeaderBytes;
const nothing = Buffer.alloc(0);

/**
 * Cuts a byte stream into packets. WIRE.md §3. What it holds is at most one packet, and never more than twice the
 * bytes that have really come. Data frames that are cut one after the other share one buffer; a stream that rests between
 * frames holds none.
 */
export class Framer {
  readonly #sink: FrameSink;
  #held: Buffer = nothing;
  #heldBytes = 0;
  #toSkip = 0;
  #broken = false;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  get memoryBytes(): number {
    return this.#held.length;
  }

  /** Takes the next bytes. A text says why the stream is beyond repair: the link must be closed. */
  push(bytes: Uint8Array): string | null {
    if (this.#broken) return 'more bytes after a broken frame';
    const input = bufferOver(bytes);
    let at = 0;
    while (at < input.length) {
      if (this.#toSkip > 0) {
        const skipped = Math.min(this.#toSkip, input.length - at);
        this.#toSkip -= skipped;
        at += skipped;
        continue;
      }
      const taken = this.#heldBytes > 0 ? this.#continueFrame(input, at) : this.#wholeFrame(input, at);
      if (typeof taken === 'string') {
        this.#broken = true;
        this.#release();
        return taken;
      }
      at += taken;
    }
    if (this.#heldBytes === 0) this.#release();
    return null;
  }

  /** A frame that begins in this input: handed on without a copy when it is all there. */
  #wholeFrame(input: Buffer, at: number): number | string {
    const size = frameSize(input, at, input.length);
    if (typeof size === 'string') return size;
    if (size > 0 && at + size <= input.length) {
      this.#emit(input.subarray(at, at + size));
      return size;
    }
    this.#hold(input, at, input.length);
    return input.length - at;
  }

  /** A frame that began earlier: takes only what is missing of it. */
  #continueFrame(input: Buffer, at: number): number | string {
    const known = frameSize(this.#held, 0, this.#heldBytes);
    if (typeof known === 'string') return known;
    const wanted = (known > 0 ? known : sizeKnownAfter(this.#held, this.#heldBytes)) - this.#heldBytes;
    const end = Math.min(input.length, at + wanted);
    this.#hold(input, at, end);
    const size = frameSize(this.#held, 0, this.#heldBytes);
    if (typeof size === 'string') return size;
    if (size > 0 && this.#heldBytes >= size) {
      const frame = this.#held.subarray(0, size);
      this.#heldBytes = 0;
      if (frame[1] !== frameType.data) this.#release();
      this.#emit(frame);
    }
    return end - at;
  }

  #emit(frame: Buffer): void {
    if (frame[1] === frameType.data) this.#sink.data(frame);
    else if (isBabel(frame, 0)) this.#sink.control(frame.subarray(frameHeaderBytes));
    else {
      this.#toSkip = Math.max(0, frame.readUInt16BE(frameHeaderBytes + 2) - 2);
      this.#sink.skipped();
    }
  }

  #hold(input: Buffer, start: number, end: number): void {
    const size = this.#heldBytes + end - start;
    if (size > this.#held.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(64, Math.min(size * 2, dataHeaderBytes + 65_535)));
      this.#held.copy(wider, 0, 0, this.#heldBytes);
      this.#held = wider;
    }
    input.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes = size;
  }

  #release(): void {
    this.#held = nothing;
    this.#heldBytes = 0;
  }
}

/** How many bytes must be there before the size of the frame is known. */
function sizeKnownAfter(head: Buffer, length: number): number {
  if (length < frameHeaderBytes) return frameHeaderBytes;
  return head[1] === frameType.data ? dataHeaderBytes : headBytes;
}

/** Bytes of the frame at `at`; 0 when it cannot be known yet; a text when it is no frame. */
function frameSize(bytes: Buffer, at: number, end: number): number | string {
  const length = end - at;
  if (length >= 1 && bytes[at] !== 1) return otherVersion(bytes[at] ?? 0);
  if (length < frameHeaderBytes) return 0;
  const type = bytes[at + 1];
  if (type === frameType.data) return length < dataHeaderBytes ? 0 : dataHeaderBytes + bytes.readUInt16BE(at + 5);
  if (type !== frameType.control) return `frame type ${type}, wanted 0 or 1`;
  return length < headBytes ? 0 : controlSize(bytes, at);
}

/** TLS begins with 20 to 23 (RFC 8446 §5.1): what a private network says to whoever is not in it. */
function otherVersion(found: number): string {
  const hint = found >= 20 && found <= 23 ? ' (it speaks TLS: a private network? see overlay.network)' : '';
  return `frame version ${found}${hint}, wanted 1`;
}

/** A packet of another protocol counts as its head alone: the rest is skipped as it comes. */
function controlSize(bytes: Buffer, at: number): number | string {
  if (!isBabel(bytes, at)) return headBytes;
  const length = bytes.readUInt16BE(at + frameHeaderBytes + 2);
  const tlvLength = bytes[at + headBytes - 1] ?? 0;
  if (length !== tlvLength + 2) return `control packet of ${length} bytes with a TLV of ${tlvLength}, wanted one TLV`;
  return headBytes + tlvLength;
}

const isBabel = (bytes: Buffer, at: number): boolean =>
  bytes[at + frameHeaderBytes] === 42 && bytes[at + frameHeaderBytes + 1] === 3;
