import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP link that can be closed: passes bytes between whoever dials it and a port on loopback. */
export class LinkRelay {
  readonly port: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #to = 0;
  /** Connections accepted so far. */
  connections = 0;
  /** Bytes that came from those who dial. */
  bytes = 0;

  constructor(port: number) {
    this.port = port;
  }

  /** Listens, and passes to `to`. */
  async open(to: number): Promise<void> {
    this.#to = to;
    await this.reopen();
  }

  /** Listens again, after `close`. */
  async reopen(): Promise<void> {
    const server = createServer({ noDelay: true }, (near) => this.#relay(near));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  /** Cuts what is connected; new connections are taken at once. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Cuts what is connected and listens no more. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.cut();
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  #relay(near: Socket): void {
    this.connections++;
    const far = connect({ port: this.#to, host: '127.0.0.1', noDelay: true });
    near.on('data', (chunk: Uint8Array) => {
      this.bytes += chunk.length;
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
