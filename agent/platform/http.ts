import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Endpoint, Listener } from '#kernel';
import { startListening } from './net.ts';

export interface HttpLimits {
  readonly connections: number;
  /** To send a whole request. */
  readonly requestMs: number;
}

/** An HTTP door. Errors as `Net.listen`. `close` ends every connection. */
export async function listenHttp(
  at: Endpoint,
  limits: HttpLimits,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Listener> {
  const server = createServer(
    { requestTimeout: limits.requestMs, connectionsCheckingInterval: limits.requestMs / 4 },
    answer,
  );
  server.maxConnections = limits.connections;
  const listener = await startListening(server, at);
  return {
    at: listener.at,
    close: async () => {
      await listener.close();
      server.closeAllConnections();
    },
  };
}
