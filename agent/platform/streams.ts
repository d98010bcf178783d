import { createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Endpoint, Listener } from '#kernel';
import { startListening } from './net.ts';
import { formatEndpoint } from './net-error.ts';

/**
 * Listens where the taker is a library that wants Node's streams (the broker). Errors as `Net.listen`. `close` stops
 * listening; the streams are their taker's to end.
 */
export function listenStreams(at: Endpoint, accept: (stream: Duplex, from: string) => void): Promise<Listener> {
  const server = createServer({ noDelay: true }, (socket) => accept(socket, whence(socket)));
  return startListening(server, at);
}

const whence = (socket: Socket): string =>
  formatEndpoint({ host: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 });
