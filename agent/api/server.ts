import Fastify, { type FastifyInstance } from 'fastify';
import { AgentError, type Endpoint } from '#kernel';
import { guardDoor } from './guard.ts';
import { metricsPage } from './metrics.ts';
import { ownRoutes } from './own.ts';
import { stockRoutes } from './stock.ts';
import type { Api, ApiOptions } from './types.ts';
import { endpointText } from './views.ts';

/** What one request may cost: 2 MiB of body as at stock's door, 30 s to send it. */
const limits = { bodyBytes: 2_097_152, requestMs: 30_000, connections: 256 };

/** The HTTP door: stock-compatible, the agent's own, metrics. Contract: CONTRACT.md, "Mycelium's own API" and "Security defaults". */
export function createApi(options: ApiOptions): Api {
  const doors: FastifyInstance[] = [];
  const listening: Endpoint[] = [];
  return {
    listening,
    start: async () => {
      for (const at of options.listen) {
        const door = makeDoor(options, at, () => listening);
        doors.push(door);
        listening.push(await listen(door, at));
      }
    },
    stop: async () => {
      options.desk.inbox.close();
      options.events.close();
      await Promise.all(doors.map((door) => door.close()));
    },
  };
}

function makeDoor(options: ApiOptions, at: Endpoint, listening: () => readonly Endpoint[]): FastifyInstance {
  const app = Fastify({
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 512 },
  });
  app.removeContentTypeParser('text/plain');
  app.server.maxConnections = limits.connections;
  app.addHook('onRequest', guardDoor(new Set(['localhost', '127.0.0.1', '[::1]', hostText(at)])));
  app.setNotFoundHandler((_, reply) => reply.code(404).send());
  if (options.stock !== 'off') app.register(stockRoutes(options), { prefix: '/api/v1' });
  app.register(ownRoutes(options, listening), { prefix: '/hypha/v1' });
  const metrics = metricsPage(options);
  app.get('/metrics', async (_, reply) => {
    const { type, text } = await metrics();
    return reply.type(type).send(text);
  });
  return app;
}

const hostText = ({ host }: Endpoint): string => (host.includes(':') ? `[${host}]` : host);

async function listen(door: FastifyInstance, at: Endpoint): Promise<Endpoint> {
  try {
    await door.listen({ host: at.host, port: at.port });
  } catch (error) {
    throw asNetError(error, at);
  }
  const bound = door.server.address();
  return { host: at.host, port: bound !== null && typeof bound === 'object' ? bound.port : at.port };
}

function asNetError(error: unknown, at: Endpoint): AgentError {
  const name = error instanceof Error && 'code' in error ? error.code : '';
  const where = `api ${endpointText(at)}`;
  if (name === 'EADDRINUSE')
    return new AgentError('net/in-use', 'reconfigure', `${where}: the port is taken by another program`, error);
  if (name === 'EACCES')
    return new AgentError('net/denied', 'reconfigure', `${where}: the system does not allow it`, error);
  return new AgentError('net/no-address', 'reconfigure', `${where}: cannot listen there`, error);
}
