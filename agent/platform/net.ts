import { createServer, type Server, Socket } from 'node:net';
import type { ByteLink, Endpoint, LinkEvents, Listener, Net } from '#kernel';
import { fromSystemError } from './net-error.ts';

/** How long a link that has sent its last byte waits for the far side to close too. */
const lingerMs = 5_000;

/** The machine's own TCP. Contract: `Net` in #kernel and test/contracts/net.ts. */
export const realNet: Net = { dial, listen };

function dial(to: Endpoint, events: LinkEvents): ByteLink {
  const socket = new Socket();
  socket.setNoDelay(true);
  const link = new SocketLink(socket, to);
  link.attach(events);
  socket.once('connect', () => link.opened());
  try {
    socket.connect({ host: to.host, port: to.port });
  } catch (error) {
    socket.destroy(error instanceof Error ? error : new Error(String(error)));
  }
  return link;
}

async function listen(at: Endpoint, accept: (link: ByteLink, from: Endpoint) => LinkEvents): Promise<Listener> {
  const server = createServer({ noDelay: true }, (socket) => {
    const from = { host: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 };
    const link = new SocketLink(socket, from);
    link.attach(accept(link, from));
  });
  return startListening(server, at);
}

/** Binds a server and says where it really is. Rejects with `net/in-use`, `net/denied`, `net/no-address`. */
export function startListening(server: Server, at: Endpoint): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(fromSystemError(error, at)));
    server.listen({ host: at.host, port: at.port }, () => {
      server.removeAllListeners('error');
      // A failed accept (no descriptors left) is one lost link, not a dead listener.
      server.on('error', () => undefined);
      const bound = server.address();
      const port = bound !== null && typeof bound === 'object' ? bound.port : at.port;
      resolve({ at: { host: at.host, port }, close: () => stopListening(server) });
    });
  });
}

/** The port is free at once; links that are open stay open. */
function stopListening(server: Server): Promise<void> {
  server.close();
  return new Promise((resolve) => setImmediate(resolve));
}

/** States: connecting → open → ending → closed; `destroy` leads from each to closed. Ends with one `closed`. */
class SocketLink implements ByteLink {
  readonly #socket: Socket;
  readonly #far: Endpoint;
  #cause: Error | null = null;
  #leaving = false;
  #events: LinkEvents | null = null;

  constructor(socket: Socket, far: Endpoint) {
    this.#socket = socket;
    this.#far = far;
    socket.on('error', (error) => {
      this.#cause ??= error;
    });
  }

  attach(events: LinkEvents): void {
    this.#events = events;
    this.#socket.on('data', (bytes) => {
      if (!this.#leaving) events.received(bytes);
    });
    this.#socket.on('drain', () => {
      if (!this.#leaving) events.drained();
    });
    this.#socket.once('close', () => events.closed(this.#reason()));
  }

  opened(): void {
    if (!this.#leaving) this.#events?.opened();
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#leaving || !this.#socket.writable) return false;
    return this.#socket.write(bytes);
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
    return this.#cause === null ? null : fromSystemError(this.#cause, this.#far);
  }
}
