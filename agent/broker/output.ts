import type { Duplex } from 'node:stream';

const smallestBlock = 512;
const largestBlock = 64 << 10;

/**
 * What goes out to one client: encoders write straight into its block, and all of a tick leaves in one write. A block
 * is never written to again once it was handed to the socket.
 */
export class Output {
  readonly #socket: Duplex;
  readonly #wake: () => void;
  #full: Buffer[] = [];
  #fullBytes = 0;
  #blockBytes = smallestBlock;
  #from = 0;
  #woken = false;

  /** Where encoders write: `block[at, …)` after `reserve`. */
  block: Buffer = Buffer.alloc(0);
  at = 0;

  /** `wake` asks for a `flush` at the end of the tick. */
  constructor(socket: Duplex, wake: () => void) {
    this.#socket = socket;
    this.#wake = wake;
  }

  /** Bytes that have not reached the network: here and in the socket. */
  get backlog(): number {
    return this.#fullBytes + this.at - this.#from + this.#socket.writableLength;
  }

  /** Makes sure that `bytes` can be written at `block[at]`; the caller then moves `at` behind them. */
  reserve(bytes: number): void {
    if (this.block.length - this.at < bytes) this.#turn(bytes);
    if (this.#woken) return;
    this.#woken = true;
    this.#wake();
  }

  push(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.block.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Hands everything to the socket. */
  flush(): void {
    this.#woken = false;
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    const last = this.block.subarray(this.#from, this.at);
    this.#from = this.at;
    if (this.#full.length === 0) {
      if (last.length > 0) this.#socket.write(last);
      return;
    }
    const pieces = this.#full;
    this.#full = [];
    this.#fullBytes = 0;
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    if (last.length > 0) this.#socket.write(last);
    this.#socket.uncork();
  }

  #turn(bytes: number): void {
    if (this.at > this.#from) {
      this.#full.push(this.block.subarray(this.#from, this.at));
      this.#fullBytes += this.at - this.#from;
    }
    if (this.block.length > 0) this.#blockBytes = Math.min(largestBlock, this.#blockBytes * 2);
    this.block = Buffer.allocUnsafeSlow(Math.max(bytes, this.#blockBytes));
    this.at = 0;
    this.#from = 0;
  }
}
