import type { Socket } from 'node:net';
import { assert, type ByteLink, type Endpoint, type LinkEvents, release } from '#kernel';
import { fromSystemError } from './net-error.ts';

/** How long a link that has sent its last byte waits for the far side to close too. */
const lingerMs = 5_000;

/**
 * A stream socket as a `ByteLink`. States: connecting → open → ending → closed; `destroy` leads from each to closed. Ends
 * with one `closed`, unless its socket is `surrender`ed to another link.
 */
export class SocketLink implements ByteLink {
  readonly far: Endpoint;
  readonly #socket: Socket;
  readonly #explain: (cause: Error, far: Endpoint) => Error;
  #cause: Error | null = null;
  #leaving = false;
  #spent = false;
  #events: LinkEvents | null = null;
  readonly #listeners = {
    data: (bytes: Buffer): void => {
      if (this.#leaving || this.#events === null) return;
      this.#events.received(bytes);
      if (this.#events.keepsNothing === true) release(bytes);
    },
    drain: (): void => {
      if (!this.#leaving) this.#events?.drained();
    },
    close: (): void => this.#events?.closed(this.#reason()),
  };

  constructor(socket: Socket, far: Endpoint, explain: (cause: Error, far: Endpoint) => Error = fromSystemError) {
    this.#socket = socket;
    this.#explain = explain;
    this.far = far;
    socket.on('error', (error) => {
      this.#cause ??= error;
    });
  }

  attach(events: LinkEvents): void {
    if (this.#spent) return;
    this.#events = events;
    this.#socket.on('data', this.#listeners.data);
    this.#socket.on('drain', this.#listeners.drain);
    this.#socket.once('close', this.#listeners.close);
  }

  /** The socket, for a protocol that goes on over it: this link is spent and says nothing more. */
  surrender(): Socket {
    assert(!this.#spent, 'a link is surrendered once');
    this.#spent = true;
    this.#leaving = true;
    for (const [name, listener] of Object.entries(this.#listeners)) this.#socket.off(name, listener);
    return this.#socket;
  }

  opened(): void {
    if (!this.#leaving) this.#events?.opened();
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.#leaving || !this.#socket.writable) return false;
    return this.#socket.write(bytes, written);
  }

  pause(paused: boolean): void {
    if (this.#leaving) return;
    if (paused) this.#socket.pause();
    else this.#socket.resume();
  }

  end(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#socket.resume();
    this.#socket.end(() => this.#linger());
  }

  destroy(): void {
    if (this.#spent) return;
    this.#leaving = true;
    this.#socket.destroy();
  }

  /** Destroying now could reset the connection and lose what the far side has not read yet. */
  #linger(): void {
    const timer = setTimeout(() => this.#socket.destroy(), lingerMs);
    timer.unref();
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #reason(): Error | null {
    return this.#cause === null ? null : this.#explain(this.#cause, this.far);
  }
}
