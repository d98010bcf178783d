import Fastify, { type FastifyInstance } from 'fastify';
import type { Endpoint } from '#kernel';
import { type Bodies, boundBodies } from './bodies.ts';
import { guardDoor } from './guard.ts';
import { metricsPage } from './metrics.ts';
import { ownRoutes } from './own.ts';
import { page, pageHeaders } from './page.ts';
import { rpcRoute } from './rpc/route.ts';
import { stockRoutes } from './stock/http.ts';
import type { ApiOptions } from './types.ts';

/** As at stock's doors: over HTTP, and over JSON-RPC, where a message of 7.8 MB fits. */
const bodyLimitBytes = 2_097_152;
const rpcBodyLimitBytes = 10_485_760;

/** Every route behind one listening address. It does not listen itself: requests come by `routing`. */
export async function openDoor(
  options: ApiOptions,
  at: Endpoint,
  listening: () => readonly Endpoint[],
  bodies: Bodies,
): Promise<FastifyInstance> {
  const app = guarded(at, bodies);
  if (options.stock !== 'off') {
    app.register(stockRoutes(options), { prefix: '/api/v1' });
    app.register(rpcRoute(options, '/rpc', bodyLimitBytes));
  }
  app.register(ownRoutes(options, listening), { prefix: '/hypha/v1' });
  app.get('/', async (_, reply) => reply.headers(pageHeaders).send(page));
  const metrics = metricsPage({ ...options, bodies });
  app.get('/metrics', async (_, reply) => {
    const { type, text } = await metrics();
    return reply.type(type).send(text);
  });
  await app.ready();
  return app;
}

/** JSON-RPC alone, on any path as at stock's door. */
export async function openRpcDoor(options: ApiOptions, at: Endpoint, bodies: Bodies): Promise<FastifyInstance> {
  const app = guarded(at, bodies);
  app.register(rpcRoute(options, '/*', rpcBodyLimitBytes));
  await app.ready();
  return app;
}

function guarded(at: Endpoint, bodies: Bodies): FastifyInstance {
  const app = Fastify({
    bodyLimit: bodyLimitBytes,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 512 },
  });
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', guardDoor(new Set(['localhost', '127.0.0.1', '[::1]', hostText(at)])));
  boundBodies(app, bodies);
  app.setNotFoundHandler((_, reply) => reply.code(404).send());
  return app;
}

const hostText = ({ host }: Endpoint): string => (host.includes(':') ? `[${host}]` : host);
