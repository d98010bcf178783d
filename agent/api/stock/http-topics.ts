import type { FastifyInstance } from 'fastify';
import type { ApiOptions } from '../types.ts';
import { refuseUnlessFull } from './deeds.ts';
import { asTable, parseBytes, parseSource, parseTopicText, ShapeError } from './shapes.ts';

type OfTopic = { readonly Params: { readonly topic: string } };
type OfSource = { readonly Params: { readonly topic: string; readonly subnet: string } };

/** `/messages/topics`: which topics may come in from whom, and the sockets behind them. Topics in paths are base64. */
export function topicRoutes(app: FastifyInstance, options: ApiOptions): void {
  const { topics } = options.desk;
  const named = (text: string): Uint8Array => {
    const topic = parseTopicText(text);
    options.desk.refuseReserved(topic);
    return topic;
  };
  app.get('/messages/topics/default', async () => ({ accept: topics.acceptsOthers }));
  app.put('/messages/topics/default', async (request, reply) => {
    const { accept } = asTable(request.body, 'body');
    if (typeof accept !== 'boolean') throw new ShapeError('accept: wanted true or false');
    await topics.setDefault(accept);
    return reply.code(204).send();
  });
  app.get('/messages/topics', async () => topics.all().map((topic) => Buffer.from(topic).toString('base64')));
  app.post('/messages/topics', async (request, reply) => {
    const topic = parseBytes(request.body, 'topic');
    options.desk.refuseReserved(topic);
    await topics.add(topic);
    return reply.code(201).send();
  });
  app.delete<OfTopic>('/messages/topics/:topic', async (request, reply) => {
    if (request.params.topic === '') return reply.code(404).send();
    await topics.remove(named(request.params.topic));
    return reply.code(204).send();
  });
  app.get<OfTopic>('/messages/topics/:topic/sources', async (request, reply) => {
    const sources = topics.sources(named(request.params.topic));
    return sources ?? reply.code(404).send();
  });
  app.post<OfTopic>('/messages/topics/:topic/sources', async (request, reply) => {
    const { subnet } = asTable(request.body, 'body');
    if (typeof subnet !== 'string') throw new ShapeError('subnet: wanted text such as "400::/7"');
    await topics.addSource(named(request.params.topic), parseSource(subnet));
    return reply.code(201).send();
  });
  app.delete<OfSource>('/messages/topics/:topic/sources/:subnet', async (request, reply) => {
    const { topic, subnet } = request.params;
    await topics.removeSource(named(topic), parseSource(subnet));
    return reply.code(204).send();
  });
  forwardRoutes(app, options, named);
}

/** A socket that gets messages is a way into whatever listens there: setting one needs `[api] stock = "full"`. */
function forwardRoutes(app: FastifyInstance, options: ApiOptions, named: (text: string) => Uint8Array): void {
  const { topics } = options.desk;
  const path = '/messages/topics/:topic/forward';
  app.get<OfTopic>(path, async (request, reply) => {
    const socket = topics.forward(named(request.params.topic));
    return reply.type('application/json').send(JSON.stringify(socket));
  });
  app.put<OfTopic>(path, async (request, reply) => {
    refuseUnlessFull(options, 'forward');
    const { socketPath } = asTable(request.body, 'body');
    if (typeof socketPath !== 'string') throw new ShapeError('socketPath: wanted the path of a Unix socket');
    await topics.setForward(named(request.params.topic), socketPath);
    return reply.code(204).send();
  });
  app.delete<OfTopic>(path, async (request, reply) => {
    refuseUnlessFull(options, 'forward');
    await topics.setForward(named(request.params.topic), null);
    return reply.code(204).send();
  });
}
