import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { formatAddress, formatSubnet, parseAddress } from '#crypto';
import { isAgentError, messageOf, seconds } from '#kernel';
import type { MessageId } from '#overlay';
import {
  asTable,
  messageShape,
  parseBase64,
  parseFlag,
  parseLetter,
  parsePeer,
  parseSeconds,
  peerShape,
  QueryError,
  routeShape,
  statusShape,
} from './stock-shapes.ts';
import type { ApiOptions } from './types.ts';

/** A reader may wait this long for a message at most. */
const longestWaitSeconds = 3600;

/** `/api/v1` as the stock daemon has it, so that programs written for it work unchanged. No token: stock has none. */
export function stockRoutes(options: ApiOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    app.setErrorHandler(refuse);
    app.setNotFoundHandler((request, reply) => {
      const known = ['GET', 'POST', 'DELETE'].some((method) => app.hasRoute({ method, url: pathOf(request) }));
      return reply.code(known ? 405 : 404).send();
    });
    messageRoutes(app, options);
    adminRoutes(app, options);
    peerChanges(app, options);
  };
}

const pathOf = (request: FastifyRequest): string => request.url.split('?')[0] ?? '';

function messageRoutes(app: FastifyInstance, options: ApiOptions): void {
  app.post<{ Querystring: Query }>('/messages', (request, reply) => push(options, request, reply));
  app.get<{ Querystring: Query }>('/messages', (request, reply) => pop(options, request, reply));
  app.post<{ Params: { id: string } }>('/messages/reply/:id', async (request, reply) => {
    const id = parseId(request.params.id);
    const { to, payload } = parseLetter(request.body, options.contacts);
    const sent = options.desk.send({ to, topic: new Uint8Array(), payload }, id);
    return reply.code(sent === null ? 503 : 204).send();
  });
  app.get<{ Params: { id: string } }>('/messages/status/:id', async (request, reply) => {
    const status = options.overlay.messageStatus(parseId(request.params.id));
    return status === undefined ? reply.code(404).send() : statusShape(status, options.clock.wall());
  });
}

type Query = Readonly<Record<string, string | undefined>>;

async function push(options: ApiOptions, request: FastifyRequest<{ Querystring: Query }>, reply: FastifyReply) {
  const patience = parseSeconds(request.query['reply_timeout'], 'reply_timeout');
  const letter = parseLetter(request.body, options.contacts);
  if (letter.topic.length > 255) return reply.code(400).send();
  if (patience === undefined) {
    const id = options.desk.send(letter);
    return id === null ? reply.code(503).send() : reply.code(201).send({ id });
  }
  const answer = await options.desk.ask(letter, seconds(Math.min(patience, longestWaitSeconds)));
  if (answer === null) return reply.code(503).send();
  if (answer.reply === null) return reply.code(408).send({ id: answer.id });
  return reply.code(200).send(messageShape(answer.reply, options.node));
}

async function pop(options: ApiOptions, request: FastifyRequest<{ Querystring: Query }>, reply: FastifyReply) {
  const peek = parseFlag(request.query['peek'], 'peek');
  const patience = Math.min(parseSeconds(request.query['timeout'], 'timeout') ?? 0, longestWaitSeconds);
  const topic = parseTopicQuery(request.query['topic']);
  const message = await options.desk.inbox.wait({ topic, peek }, seconds(patience), (leave) =>
    reply.raw.once('close', leave),
  );
  if (message === null) return reply.code(204).send();
  if (!peek) options.desk.taken(message);
  return messageShape(message, options.node);
}

/** "+" of base64 arrives as a space from clients that do not escape it. */
function parseTopicQuery(found: string | undefined): Uint8Array | null {
  if (found === undefined) return null;
  try {
    return parseBase64(found.replaceAll(' ', '+'), 'topic');
  } catch (error) {
    throw new QueryError(messageOf(error));
  }
}

function adminRoutes(app: FastifyInstance, { overlay, node, clock, startedAt }: ApiOptions): void {
  app.get('/admin', async () => ({
    nodeSubnet: formatSubnet(node.subnet),
    nodeIp: formatAddress(node.address),
    nodePubkey: node.publicKey,
    nodeStartTime: Math.floor((clock.wall() - (clock.now() - startedAt)) / 1000),
  }));
  app.get('/admin/peers', async () => overlay.peers().map((peer) => peerShape(peer, clock.now() - startedAt)));
  app.get('/admin/routes/selected', async () =>
    overlay
      .routes()
      .filter(({ selected }) => selected)
      .map(routeShape),
  );
  app.get('/admin/routes/fallback', async () =>
    overlay
      .routes()
      .filter(({ selected }) => !selected)
      .map(routeShape),
  );
  app.get('/admin/routes/queried', async () =>
    overlay.queriedSubnets().map(({ subnet, expiresInMs }) => ({
      subnet: formatSubnet(subnet),
      expiration: String(Math.max(0, Math.floor(expiresInMs / 1000))),
    })),
  );
  app.get<{ Params: { ip: string } }>('/pubkey/:ip', async (request, reply) => {
    const address = parseAddress(request.params.ip);
    if (address === null && !/^[0-9a-f:]*[:.][0-9a-f:.]*$/i.test(request.params.ip))
      throw new QueryError('ip: wanted an IP address');
    const key = address === null ? undefined : address === node.address ? node.publicKey : overlay.keyOf(address);
    return key === undefined ? reply.code(404).send() : { publicKey: key };
  });
}

/** Changing peers needs `[api] stock = "full"`. */
function peerChanges(app: FastifyInstance, { overlay, stock }: ApiOptions): void {
  const closed = async (_: FastifyRequest, reply: FastifyReply) =>
    reply
      .code(403)
      .type('text/plain; charset=utf-8')
      .send('peers: changes are closed; set stock = "full" under [api] to open them');
  if (stock !== 'full') {
    app.post('/admin/peers', closed);
    app.delete('/admin/peers/:endpoint', closed);
    return;
  }
  const known = (host: string, port: number) =>
    overlay
      .peers()
      .some(
        (peer) =>
          peer.kind === 'static' && [`tcp://${host}:${port}`, `tcp://[${host}]:${port}`].includes(peer.endpoint),
      );
  app.post('/admin/peers', async (request, reply) => {
    const peer = parsePeer(asTable(request.body, 'body')['endpoint']);
    if (known(peer.host, peer.port)) return reply.code(409).send('endpoint: a peer by that name exists already');
    overlay.addPeer(peer);
    return reply.code(204).send();
  });
  app.delete<{ Params: { endpoint: string } }>('/admin/peers/:endpoint', async (request, reply) => {
    const removed = overlay.removePeer(parsePeer(request.params.endpoint));
    return removed ? reply.code(204).send() : reply.code(404).send('endpoint: no peer by that name');
  });
}

function parseId(text: string): MessageId {
  if (!/^[0-9a-f]{16}$/i.test(text)) throw new QueryError('id: wanted 16 hex digits');
  return text.toLowerCase() as MessageId;
}

/** Refusals in stock's manner: a status and a plain line. */
function refuse(error: FastifyError, _: FastifyRequest, reply: FastifyReply) {
  const plain = reply.type('text/plain; charset=utf-8');
  if (isAgentError(error, 'api/reserved')) return plain.code(400).send(error.message);
  if (isAgentError(error, 'api/busy')) return plain.code(503).send(error.message);
  const status = error.statusCode ?? 500;
  return plain.code(status).send(status < 500 ? messageOf(error) : 'internal error');
}
