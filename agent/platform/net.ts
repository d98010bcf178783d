import { createServer, type Server, Socket } from 'node:net';
import type { ByteLink, Endpoint, LinkEvents, Listener, Net } from '#kernel';
import { interfaces, multicast } from './multicast.ts';
import { fromSystemError } from './net-error.ts';
import { SocketLink } from './socket-link.ts';
import { secure } from './tls.ts';

/** The machine's own TCP, TLS and multicast. Contract: `Net` in #kernel, test/contracts/net.ts and multicast.ts. */
export const realNet: Net = { dial, listen, secure, interfaces, multicast };

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
