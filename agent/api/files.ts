import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import type { Transfer } from '#bus';
import { AgentError, isTopicName, type PublicKey } from '#kernel';
import { asTable, ShapeError } from './stock/shapes.ts';
import type { ApiOptions } from './types.ts';

type Params = { Params: { id: string } };

/** Files on their way. All of it is for holders of the token: what is sent is any file that the agent can read. */
export function fileRoutes(app: FastifyInstance, options: ApiOptions, tokenHolders: RouteShorthandOptions): void {
  app.post('/files', tokenHolders, (request, reply) => send(options, request, reply));
  app.get('/transfers', tokenHolders, async () => options.files.transfers().map((one) => transferView(one, options)));
  app.get<Params>('/transfers/:id', tokenHolders, async (request) => one(options, request.params.id));
  app.delete<Params>('/transfers/:id', tokenHolders, async (request, reply) => {
    const { id } = one(options, request.params.id);
    if (options.files.cancel(id)) return reply.code(204).send();
    throw new AgentError('api/taken', 'reject', `transfer ${id}: found it over, wanted one under way`);
  });
}

/** `{to, path, topic?, name?}`: `path` on this machine, absolute. */
async function send({ contacts, files, ...options }: ApiOptions, request: FastifyRequest, reply: FastifyReply) {
  const { to, path, topic = 'files', name } = asTable(request.body, 'body');
  const found = typeof to === 'string' ? contacts.destination(to) : null;
  if (found === null || found.length !== 64)
    throw new AgentError(
      'api/unknown-contact',
      'reject',
      `to: found ${JSON.stringify(to)}, wanted a contact (hypha contacts) or a public key`,
    );
  if (typeof path !== 'string' || !path.startsWith('/') || path.includes('\0'))
    throw new ShapeError(`path: found ${JSON.stringify(path)}, wanted an absolute one`);
  if (typeof topic !== 'string' || !isTopicName(topic) || Buffer.byteLength(topic) > 255)
    throw new ShapeError(`topic: found ${JSON.stringify(topic)}, wanted a topic name of 255 bytes at most`);
  const called = typeof name === 'string' && name !== '' ? name : path.slice(path.lastIndexOf('/') + 1);
  const transfer = await files.send({ to: found as PublicKey, path, name: called.slice(0, 250), topic });
  return reply.code(201).send(transferView(transfer, { contacts, ...options }));
}

function one(options: ApiOptions, id: string) {
  const found = options.files.transfers().find((transfer) => transfer.id.startsWith(id) && id.length >= 4);
  if (found !== undefined) return transferView(found, options);
  throw new AgentError('api/unknown-transfer', 'reject', `transfer: found none ${id}, wanted one of: hypha transfers`);
}

const transferView = ({ peer, ...transfer }: Transfer, { contacts }: Pick<ApiOptions, 'contacts'>) => ({
  ...transfer,
  peer: contacts.withKey(peer)?.name ?? peer,
  publicKey: peer,
});
