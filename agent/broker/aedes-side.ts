import { Duplex } from 'node:stream';

export interface AedesSideEvents {
  /** aedes wrote this. */
  wrote(bytes: Uint8Array): void;
  /** aedes is done with the connection. */
  closed(): void;
}

/** The stream that aedes takes for its client's socket: it gets the packets that are its own and never waits. */
export class AedesSide extends Duplex {
  readonly #events: AedesSideEvents;

  constructor(events: AedesSideEvents) {
    super({ readableHighWaterMark: 1 << 20, writableHighWaterMark: 1 << 20, emitClose: true });
    this.#events = events;
  }

  override _read(): void {}

  /** What aedes writes passes at once: an answer held back until the next tick would leave behind what follows it. */
  override cork(): void {}
  override uncork(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#events.wrote(chunk);
    done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    for (const { chunk } of chunks) this.#events.wrote(chunk);
    done();
  }

  override _destroy(_error: Error | null, done: () => void): void {
    this.#events.closed();
    done();
  }
}
