import { createServer, type Server, Socket } from 'node:net';

/**
 * Stands between an agent and its daemon's API. The agent sends one request at a time on a link and each in one piece, so
 * that the first line of a piece is the request's.
 */
export class ApiRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #onPop: (() => void) | null = null;
  pops = 0;

  constructor(toPort: number) {
    this.#server = createServer((near) => this.#relay(near, toPort));
  }

  /** The port that it took. */
  open(): Promise<number> {
    return new Promise((resolve) =>
      this.#server.listen(0, '127.0.0.1', () => {
        const at = this.#server.address();
        resolve(at !== null && typeof at === 'object' ? at.port : 0);
      }),
    );
  }

  /** Calls at the next request that would take a message out, which goes no further. */
  beforePop(act: () => void): void {
    this.#onPop = act;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #relay(near: Socket, toPort: number): void {
    const far = new Socket();
    far.connect(toPort, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => undefined);
      one.once('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    far.on('data', (bytes) => near.write(bytes));
    near.on('data', (bytes) => {
      if (this.#isStopped(bytes)) return;
      far.write(bytes);
    });
  }

  #isStopped(request: Buffer): boolean {
    if (!request.subarray(0, 64).toString('latin1').startsWith('GET /api/v1/messages?topic=')) return false;
    this.pops++;
    const act = this.#onPop;
    this.#onPop = null;
    act?.();
    return act !== null;
  }
}
