import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { AgentError, isTopicFilter, seconds, since } from '#kernel';
import { asTable, ShapeError } from '../stock/shapes.ts';
import type { ApiOptions } from '../types.ts';
import type { Consumer } from './consumer.ts';
import { limits } from './consumers.ts';
import { noticeView } from './notice.ts';

type Named = { readonly Params: { readonly name: string } };
type Query = Readonly<Record<string, string | undefined>>;

const defaults = { window: 64, retrySeconds: 30 };
const most = { window: 1024, retrySeconds: 3600 };

/** Consumers over HTTP. All but looking at the list wants the token: it changes what is kept, or takes another's place. */
export function consumerRoutes(app: FastifyInstance, options: ApiOptions, tokenHolders: RouteShorthandOptions): void {
  const { consumers } = options;
  app.get('/consumers', async () => consumersView(options));
  app.put<Named>('/consumers/:name', tokenHolders, (request) => set(options, request));
  app.delete<Named>('/consumers/:name', tokenHolders, async ({ params: { name } }, reply) => {
    if (await consumers.remove(name)) return reply.code(204).send();
    throw unknown(name);
  });
  app.get<Named & { Querystring: Query }>('/consumers/:name/events', tokenHolders, async (request, reply) =>
    follow(options, request, reply),
  );
  app.post<Named>('/consumers/:name/ack', tokenHolders, async ({ params: { name }, body }, reply) => {
    const { id } = asTable(body, 'body');
    const upTo = wholeOf(id, 'id', Number.MAX_SAFE_INTEGER);
    if (found(options, name).acknowledge(upTo)) return reply.code(204).send();
    throw new AgentError('api/unknown-event', 'reject', `id: found ${upTo}, wanted one that was given`);
  });
}

export function consumersView({ consumers, clock }: Pick<ApiOptions, 'consumers' | 'clock'>) {
  return consumers.all().map(([name, consumer, topics]) => {
    const { pending, settled, dropped, matched } = consumer.cursor.account;
    const heardAgoMs = consumer.heardAt === null ? null : since(consumer.heardAt, clock.now());
    return {
      name,
      topics,
      connected: consumer.isConnected,
      heardAgoMs,
      accepted: matched,
      delivered: settled,
      dropped,
      pending,
      inFlight: consumer.inFlight,
      again: consumer.again,
    };
  });
}

/** `{topics, from?}`: makes it, or gives it other topics from now on. `from`: "now", or "oldest" of what is still there. */
async function set(options: ApiOptions, { params: { name }, body }: FastifyRequest<Named>) {
  const { topics, from = 'now' } = asTable(body, 'body');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    throw new ShapeError('name: wanted letters, digits, ".", "_" and "-" (64 at most)');
  if (!isFilters(topics)) throw new ShapeError(`topics: wanted 1 to ${limits.topics} topic filters`);
  if (from !== 'now' && from !== 'oldest') throw new ShapeError('from: wanted "now" or "oldest"');
  await options.consumers.set(name, topics, from);
  return { name, topics };
}

function isFilters(found: unknown): found is readonly string[] {
  if (!Array.isArray(found) || found.length === 0 || found.length > limits.topics) return false;
  return found.every((topic) => typeof topic === 'string' && topic.length <= 1024 && isTopicFilter(topic));
}

/** Events `message` and `gap`, each with an id; at last `ended`. What is not acknowledged in time comes again. */
function follow(
  options: ApiOptions,
  { params: { name }, query, headers }: FastifyRequest<Named & { Querystring: Query }>,
  reply: FastifyReply,
): void {
  const consumer = found(options, name);
  const last = headers['last-event-id'];
  const wanted = {
    window: wholeOf(query['window'] ?? defaults.window, 'window', most.window),
    retryAfter: seconds(wholeOf(query['retry'] ?? defaults.retrySeconds, 'retry', most.retrySeconds)),
    skipTo: last === undefined ? 0 : wholeOf(last, 'Last-Event-ID', Number.MAX_SAFE_INTEGER),
  };
  const stream = options.events.open(reply);
  const leave = consumer.attach(
    {
      give: async (notice, again) => {
        const view = noticeView(notice, again, options.contacts);
        stream.write(`id: ${view.id}\nevent: ${view.kind}\ndata: ${JSON.stringify(view)}\n\n`);
        await stream.drained();
      },
      ended: (why) => {
        stream.write(`event: ended\ndata: {"kind":"ended","why":"${why}"}\n\n`);
        stream.endNow();
      },
    },
    wanted,
  );
  stream.onClose(leave);
}

function found({ consumers }: ApiOptions, name: string): Consumer {
  const consumer = consumers.get(name);
  if (consumer !== undefined) return consumer;
  throw unknown(name);
}

const unknown = (name: string): AgentError =>
  new AgentError(
    'api/unknown-consumer',
    'reject',
    `consumer: found none named ${JSON.stringify(name)}, wanted one of \`hypha consumers\``,
  );

function wholeOf(found: unknown, what: string, most: number): number {
  const value = typeof found === 'string' && /^\d{1,16}$/.test(found) ? Number(found) : found;
  if (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= 0 &&
    value <= most &&
    (value > 0 || what !== 'window')
  )
    return value;
  throw new ShapeError(`${what}: wanted a whole number up to ${most}`);
}
