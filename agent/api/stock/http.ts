import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isAgentError, messageOf } from '#kernel';
import { whenGone } from '../gone.ts';
import type { ApiOptions } from '../types.ts';
import * as deeds from './deeds.ts';
import { topicRoutes } from './http-topics.ts';
import {
  asTable,
  parseFlag,
  parseId,
  parseLetter,
  parseSeconds,
  parseTopicText,
  QueryError,
  ShapeError,
  UnsupportedError,
} from './shapes.ts';

/** `/api/v1` as the stock daemon has it, so that programs written for it work unchanged. No token: stock has none. */
export function stockRoutes(options: ApiOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    const paths: RegExp[] = [];
    app.addHook('onRoute', ({ url }) => void paths.push(patternOf(url)));
    app.addHook('preHandler', wantBody);
    app.setErrorHandler(refuse);
    app.setNotFoundHandler((request, reply) => {
      const isKnown = paths.some((path) => path.test(pathOf(request)));
      return reply.code(isKnown ? 405 : 404).send();
    });
    messageRoutes(app, options);
    topicRoutes(app, options);
    adminRoutes(app, options);
    peerChanges(app, options);
  };
}

const pathOf = (request: FastifyRequest): string => request.url.split('?')[0] ?? '';

const patternOf = (url: string): RegExp => new RegExp(`^${url.replace(/:[a-z]+/g, '[^/]+')}$`);

/** Stock wants JSON where it wants anything, and says so before it looks at it. */
async function wantBody({ method, body, is404 }: FastifyRequest): Promise<void> {
  if (is404) return;
  if ((method === 'POST' || method === 'PUT') && body === undefined) throw new UnsupportedError('body: wanted JSON');
}

type Query = Readonly<Record<string, string | undefined>>;

function messageRoutes(app: FastifyInstance, options: ApiOptions): void {
  app.post<{ Querystring: Query }>('/messages', (request, reply) => push(options, request, reply));
  app.get<{ Querystring: Query }>('/messages', (request, reply) => pop(options, request, reply));
  app.post<{ Params: { id: string } }>('/messages/reply/:id', async (request, reply) => {
    const id = parseId(request.params.id);
    deeds.pushReply(options, id, parseLetter(request.body, options.contacts));
    return reply.code(204).send();
  });
  app.get<{ Params: { id: string } }>('/messages/status/:id', async (request, reply) => {
    const status = deeds.messageInfo(options, parseId(request.params.id));
    return status ?? reply.code(404).send();
  });
}

async function push(options: ApiOptions, request: FastifyRequest<{ Querystring: Query }>, reply: FastifyReply) {
  const replySeconds = parseSeconds(request.query['reply_timeout'], 'reply_timeout') ?? null;
  const letter = parseLetter(request.body, options.contacts);
  if (letter.topic.length > 255) return reply.code(400).send();
  const { isReply, body } = await deeds.pushMessage(options, letter, replySeconds, whenGone(reply));
  return reply.code(replySeconds === null ? 201 : isReply ? 200 : 408).send(body);
}

async function pop(options: ApiOptions, request: FastifyRequest<{ Querystring: Query }>, reply: FastifyReply) {
  const wanted = {
    peek: parseFlag(request.query['peek'], 'peek'),
    timeoutSeconds: parseSeconds(request.query['timeout'], 'timeout') ?? 0,
    topic: topicOf(request.query['topic']),
  };
  const message = await deeds.popMessage(options, wanted, whenGone(reply));
  return message ?? reply.code(204).send();
}

/** "+" of base64 arrives as a space from clients that do not escape it. */
const topicOf = (found: string | undefined): Uint8Array | null =>
  found === undefined ? null : parseTopicText(found.replaceAll(' ', '+'));

function adminRoutes(app: FastifyInstance, options: ApiOptions): void {
  app.get('/admin', async () => deeds.nodeInfo(options));
  app.get('/admin/peers', async () => deeds.peers(options));
  app.get('/admin/routes/selected', async () => deeds.routes(options, 'selected'));
  app.get('/admin/routes/fallback', async () => deeds.routes(options, 'fallback'));
  app.get('/admin/routes/queried', async () => deeds.queriedSubnets(options));
  app.get<{ Params: { ip: string } }>('/pubkey/:ip', async (request, reply) => {
    const key = deeds.keyOfIp(options, request.params.ip);
    if (key === null) throw new QueryError('ip: wanted an IP address');
    return key === undefined ? reply.code(404).send() : { publicKey: key };
  });
}

/** Changing peers needs `[api] stock = "full"`. */
function peerChanges(app: FastifyInstance, options: ApiOptions): void {
  app.post('/admin/peers', async (request, reply) => {
    deeds.refuseUnlessFull(options, 'peers');
    const { endpoint } = asTable(request.body, 'body');
    if (typeof endpoint !== 'string') throw new ShapeError('endpoint: wanted text such as "tcp://192.0.2.1:9651"');
    if (deeds.addPeer(options, endpoint)) return reply.code(204).send();
    return reply.code(409).send('endpoint: a peer by that name exists already');
  });
  app.delete<{ Params: { endpoint: string } }>('/admin/peers/:endpoint', async (request, reply) => {
    deeds.refuseUnlessFull(options, 'peers');
    if (deeds.removePeer(options, request.params.endpoint)) return reply.code(204).send();
    return reply.code(404).send('endpoint: no peer by that name');
  });
}

const statusOf: Readonly<Record<string, number>> = {
  'api/reserved': 400,
  'api/too-many': 400,
  'api/closed': 403,
  'api/busy': 503,
  'api/disk': 503,
  'api/outbox-full': 503,
};

/** Refusals in stock's manner: a status and a plain line. */
function refuse(error: FastifyError, _: FastifyRequest, reply: FastifyReply) {
  const plain = reply.type('text/plain; charset=utf-8');
  const known = isAgentError(error) ? statusOf[error.code] : undefined;
  const status = known ?? error.statusCode ?? 500;
  return plain.code(status).send(known !== undefined || status < 500 ? messageOf(error) : 'internal error');
}
