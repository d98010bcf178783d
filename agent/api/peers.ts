import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { AgentError, formatPeer, type PeerEndpoint, parsePeer, parseProxy } from '#kernel';
import { asTable, ShapeError } from './stock/shapes.ts';
import type { ApiOptions } from './types.ts';

/** Peers of this run: what the configuration names is dialled again at the next start, and nothing else. */
export function peerRoutes(app: FastifyInstance, options: ApiOptions, tokenHolders: RouteShorthandOptions): void {
  app.post('/peers', tokenHolders, (request, reply) => add(options, request, reply));
  app.delete<{ Querystring: { url?: string } }>('/peers', tokenHolders, (request, reply) =>
    remove(options, request.query.url, reply),
  );
}

/** `{url, proxy?}`: `proxy` an address, or "none" for straight there whatever the configuration says. */
async function add({ overlay }: ApiOptions, request: FastifyRequest, reply: FastifyReply) {
  const { url, proxy } = asTable(request.body, 'body');
  const peer = withProxy(read(url), proxy);
  switch (overlay.addPeer(peer)) {
    case 'added':
      return reply.code(201).send({ url: formatPeer(peer) });
    case 'known':
      throw new AgentError('api/taken', 'reject', `peer: ${formatPeer(peer)} is one already`);
    case 'full':
      throw new AgentError('api/busy', 'reject', 'peers: found as many as this node keeps, wanted fewer; remove one');
    case 'no-network':
      throw new ShapeError(`peer: found ${formatPeer(peer)}, wanted tcp://, as this node is in no private network`);
  }
}

async function remove({ overlay }: ApiOptions, url: unknown, reply: FastifyReply) {
  const peer = read(url);
  if (overlay.removePeer(peer)) return reply.code(204).send();
  throw new AgentError(
    'api/unknown-peer',
    'reject',
    `peer: found none at ${formatPeer(peer)}, wanted one of \`hypha peers\``,
  );
}

function read(url: unknown): PeerEndpoint {
  const parsed = typeof url === 'string' ? parsePeer(url) : null;
  if (parsed?.ok === true) return parsed.peer;
  throw new ShapeError(`peer: found ${JSON.stringify(url)}, wanted ${parsed?.wanted ?? 'its address'}`);
}

function withProxy(peer: PeerEndpoint, written: unknown): PeerEndpoint {
  if (written === undefined) return peer;
  if (written === 'none') return { ...peer, proxy: null };
  const proxy = typeof written === 'string' ? parseProxy(written) : null;
  if (proxy !== null) return { ...peer, proxy };
  // What was found may hold a password.
  throw new ShapeError('proxy: found something else, wanted socks5://host:port, http://host:port or "none"');
}
