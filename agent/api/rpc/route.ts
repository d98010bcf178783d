import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isAgentError, messageOf } from '#kernel';
import { whenGone } from '../gone.ts';
import type { ApiOptions } from '../types.ts';
import { answerRpc, tooBig } from './envelope.ts';
import { rpcCalls } from './methods.ts';

const json = 'application/json; charset=utf-8';
const plain = 'text/plain; charset=utf-8';

/** JSON-RPC under `path`. The same as stock's door: POST alone, JSON alone, broken JSON answered in JSON-RPC's own way. */
export function rpcRoute(options: ApiOptions, path: string, bodyLimitBytes: number) {
  return async (app: FastifyInstance): Promise<void> => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(
      'application/json',
      { parseAs: 'string', bodyLimit: bodyLimitBytes },
      async (_: FastifyRequest, text: string) => text,
    );
    app.setErrorHandler((error: FastifyError, _, reply) => refuse(options, error, reply, bodyLimitBytes));
    app.post(path, { bodyLimit: bodyLimitBytes }, async (request, reply) => {
      if (!/^application\/json/i.test(request.headers['content-type'] ?? '')) return wantJson(reply);
      const call = rpcCalls(options, whenGone(reply));
      const { status, body } = await answerRpc(typeof request.body === 'string' ? request.body : '', call);
      return reply.code(status).type(json).send(body);
    });
    app.route({
      method: ['GET', 'PUT', 'DELETE', 'PATCH'],
      url: path,
      handler: async (_, reply) => reply.code(405).type(plain).send('method: wanted POST'),
    });
  };
}

function refuse({ log }: ApiOptions, error: FastifyError, reply: FastifyReply, bodyLimitBytes: number) {
  if (error.statusCode === 413) return reply.code(413).type(json).send(tooBig(bodyLimitBytes));
  if (error.statusCode === 415) return wantJson(reply);
  if (isAgentError(error, 'api/busy')) return reply.code(503).type(plain).send(error.message);
  const status = error.statusCode ?? 500;
  if (status >= 500) log.error('rpc-failed', { why: messageOf(error) });
  return reply
    .code(status)
    .type(plain)
    .send(status < 500 ? messageOf(error) : 'internal error');
}

const wantJson = (reply: FastifyReply) => reply.code(415).type(plain).send('content-type: wanted application/json');
