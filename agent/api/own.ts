import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AgentError, type Endpoint, isAgentError, messageOf, milliseconds, parsePublicKey, type Remedy } from '#kernel';
import { backupRoutes } from './backup.ts';
import { consumerRoutes } from './consumers/routes.ts';
import { fileRoutes } from './files.ts';
import { whenGone } from './gone.ts';
import { guardToken } from './guard.ts';
import { peerRoutes } from './peers.ts';
import { seeingRoutes } from './seeing.ts';
import { asTable, parseBase64, parseFlag, parseSeconds, ShapeError } from './stock/shapes.ts';
import type { ApiOptions } from './types.ts';
import * as view from './views.ts';

/** The longest message there is, 64 MiB, as base64. Its bytes are not read before the token is seen. */
const sendLimitBytes = 94_371_840;

/** `/hypha/v1`: what the command line and the status page ask. What changes or sends something wants the token. */
export function ownRoutes(options: ApiOptions, listening: () => readonly Endpoint[]) {
  return async (app: FastifyInstance): Promise<void> => {
    app.setErrorHandler(refuse);
    readRoutes(app, options, listening);
    const tokenHolders = { preHandler: guardToken(options.token) };
    peerRoutes(app, options, tokenHolders);
    consumerRoutes(app, options, tokenHolders);
    seeingRoutes(app, options, tokenHolders);
    backupRoutes(app, options, tokenHolders);
    fileRoutes(app, options, tokenHolders);
    app.post('/contacts', tokenHolders, (request, reply) => addContact(options, request, reply));
    const senders = { onRequest: guardToken(options.token), bodyLimit: sendLimitBytes };
    app.post('/send', senders, (request) => send(options, request));
    app.post<{ Querystring: Query }>('/recv', tokenHolders, (request, reply) => receive(options, request, reply));
    app.get<{ Querystring: Query }>('/recv/follow', tokenHolders, (request, reply) => follow(options, request, reply));
  };
}

type Query = Readonly<Record<string, string | undefined>>;

function readRoutes(app: FastifyInstance, options: ApiOptions, listening: () => readonly Endpoint[]): void {
  app.get('/id', async () => view.idView(options, listening()));
  app.get('/contacts', async () => view.contactsView(options));
  app.get('/peers', async () => view.peersView(options));
  app.get('/routes', async () => view.routesView(options));
  app.get('/hooks', async () => options.hooks());
  app.get('/links', async () => view.linksView(options));
  app.get('/ring', async () => view.ringView(options));
  app.get('/ring/audit', async () => view.auditView(options));
  app.get('/status', async () => view.statusView(options, listening()));
  app.get('/events', async (_, reply) => {
    options.events.follow(reply);
  });
}

/** Takes a name on while running; the command line has written it to the configuration. */
async function addContact({ contacts }: ApiOptions, request: FastifyRequest, reply: FastifyReply) {
  const { name, publicKey } = asTable(request.body, 'body');
  const key = typeof publicKey === 'string' ? parsePublicKey(publicKey) : null;
  if (typeof name !== 'string' || key === null)
    throw new ShapeError('contact: wanted {"name": …, "publicKey": 64 hex digits}');
  if (!contacts.add(name, key)) throw new AgentError('api/taken', 'reject', `contact: ${name} is another key already`);
  return reply.code(201).send({ name, publicKey: key });
}

/** `{to, topic?, payload, waitMs?}`: `to` is a name, key or address; `payload` base64. */
async function send({ contacts, desk }: ApiOptions, request: FastifyRequest) {
  const body = asTable(request.body, 'body');
  const to = typeof body['to'] === 'string' ? contacts.destination(body['to']) : null;
  if (to === null)
    throw new AgentError(
      'api/unknown-contact',
      'reject',
      `to: found ${JSON.stringify(body['to'])}, wanted a contact (hypha contacts), a public key or an address`,
    );
  const topic = Buffer.from(typeof body['topic'] === 'string' ? body['topic'] : '');
  if (topic.length > 255) throw new ShapeError(`topic: ${topic.length} bytes found, wanted 255 at most`);
  const letter = { to, topic, payload: parseBase64(body['payload'], 'payload') };
  const patience = typeof body['waitMs'] === 'number' ? milliseconds(Math.min(body['waitMs'], 3_600_000)) : null;
  if (patience !== null) return (await desk.deliver(letter, patience)) ?? noRoom();
  const id = desk.send(letter) ?? noRoom();
  return { id, state: 'pending' };
}

function noRoom(): never {
  throw new AgentError('api/outbox-full', 'retry', 'messages: the outbox is full, wanted room');
}

/** One message, or 204 when none came in `timeout` seconds. */
async function receive(options: ApiOptions, request: FastifyRequest<{ Querystring: Query }>, reply: FastifyReply) {
  const { desk } = options;
  const patience = milliseconds(1000 * Math.min(parseSeconds(request.query['timeout'], 'timeout') ?? 0, 3600));
  const peek = parseFlag(request.query['peek'], 'peek');
  const message = await desk.inbox.wait({ topic: topicOf(request.query), peek }, patience, whenGone(reply));
  if (message === null) return reply.code(204).send();
  if (!peek) desk.taken(message);
  return view.messageView(message, options);
}

/** Every message as it comes, taken one by one: the next is taken when the last has been written. */
async function follow(options: ApiOptions, request: FastifyRequest<{ Querystring: Query }>, reply: FastifyReply) {
  const { desk, events } = options;
  const topic = topicOf(request.query);
  const stream = events.open(reply);
  let leave = (): void => undefined;
  stream.onClose(() => leave());
  while (stream.isOpen) {
    const message = await desk.inbox.wait({ topic, peek: false }, milliseconds(60_000), (stop) => {
      leave = stop;
    });
    if (message === null) continue;
    desk.taken(message);
    stream.write(`event: message\ndata: ${JSON.stringify(view.messageView(message, options))}\n\n`);
    await stream.drained();
  }
}

const topicOf = (query: Query): Uint8Array | null =>
  query['topic'] === undefined ? null : Buffer.from(query['topic']);

const statusOf: Readonly<Record<string, number>> = {
  'api/busy': 503,
  'api/outbox-full': 503,
  'api/unknown-contact': 404,
  'api/unknown-peer': 404,
  'api/unknown-consumer': 404,
  'api/unknown-event': 409,
  'api/too-many': 409,
  'api/taken': 409,
  'api/disk': 503,
  'api/reserved': 400,
  'api/unknown-transfer': 404,
  'files/too-many': 503,
  'files/ring': 503,
  'files/too-large': 400,
  'disk/not-found': 400,
  'disk/denied': 400,
  'disk/io': 400,
};

/** `{error: {code, message, remedy}}` */
function refuse(error: FastifyError, _: FastifyRequest, reply: FastifyReply) {
  if (reply.raw.headersSent) return;
  if (isAgentError(error))
    return reply.code(statusOf[error.code] ?? 500).send(body(error.code, error.message, error.remedy));
  const status = error.statusCode ?? 500;
  return reply.code(status).send(body('api/input', status < 500 ? messageOf(error) : 'internal error', 'reject'));
}

const body = (code: string, message: string, remedy: Remedy) => ({ error: { code, message, remedy } });
