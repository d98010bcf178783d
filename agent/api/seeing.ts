import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { formatAddress, formatSubnet } from '#crypto';
import { type Address, AgentError, milliseconds, type PublicKey } from '#kernel';
import type { Sight, TraceReport } from '#overlay';
import { diagnose } from './doctor.ts';
import { asTable, ShapeError } from './stock/shapes.ts';
import type { ApiOptions } from './types.ts';

type Query = Readonly<Record<string, string | undefined>>;

/** What is on the links and on the ways. With the token: it shows who talks to whom, or sends packets. */
export function seeingRoutes(app: FastifyInstance, options: ApiOptions, tokenHolders: RouteShorthandOptions): void {
  app.get('/routes/queried', async () =>
    options.overlay.queriedSubnets().map(({ subnet, expiresInMs }) => ({ subnet: formatSubnet(subnet), expiresInMs })),
  );
  app.get<{ Querystring: Query }>('/packets', tokenHolders, async ({ query }) =>
    sightOf(options).packets(count(query, 'limit', 1024, 1024)),
  );
  app.get<{ Querystring: Query }>('/trace', tokenHolders, (request, reply) => trace(options, request, reply));
  app.post('/doctor', tokenHolders, async ({ body }) => {
    const { to } = asTable(body, 'body');
    return diagnose(options, to === undefined ? null : destination(options, to));
  });
}

/** One event for each report: `route`, then `hop` by hop, then `end`. */
async function trace(options: ApiOptions, { query }: FastifyRequest<{ Querystring: Query }>, reply: FastifyReply) {
  const to = destination(options, query['to']);
  const wanted = {
    hops: count(query, 'hops', 62, 30),
    timeout: milliseconds(count(query, 'timeoutMs', 10_000, 1000)),
  };
  const sight = sightOf(options);
  const early: TraceReport[] = [];
  let tell = (report: TraceReport): void => void early.push(report);
  const stop = sight.trace(to, wanted, (report) => tell(report));
  if (stop === null) throw new AgentError('api/busy', 'retry', 'traces: found as many as run at once, wanted fewer');
  try {
    const stream = options.events.open(reply);
    stream.onClose(stop);
    tell = (report) => {
      stream.write(`event: ${report.kind}\ndata: ${JSON.stringify(asView(report, options))}\n\n`);
      if (report.kind === 'end') stream.end();
    };
    for (const report of early.splice(0)) tell(report);
  } catch (error) {
    stop();
    throw error;
  }
}

function asView(report: TraceReport, { contacts }: ApiOptions): unknown {
  const nameOf = (key: PublicKey): string | null => contacts.withKey(key)?.name ?? null;
  if (report.kind === 'route') return { ...report, name: nameOf(report.publicKey) };
  if (report.kind !== 'hop') return report;
  const { router, ...rest } = report;
  if (router === null) return { ...rest, publicKey: null, name: null, address: null };
  return { ...rest, publicKey: router.key, name: nameOf(router.key), address: formatAddress(router.address) };
}

function destination({ contacts }: ApiOptions, found: unknown): PublicKey | Address {
  const to = typeof found === 'string' ? contacts.destination(found) : null;
  if (to !== null) return to;
  throw new AgentError(
    'api/unknown-contact',
    'reject',
    `to: found ${JSON.stringify(found)}, wanted a contact (hypha contacts), a public key or an address`,
  );
}

function sightOf({ overlay }: ApiOptions): Sight {
  if (overlay.sight !== undefined) return overlay.sight;
  const text = `overlay: found a stock daemon, whose packets this agent does not see, wanted a node of its own (no overlay.daemon); for the daemon's own view: mycelium peers list, mycelium routes selected; for contacts: hypha doctor`;
  throw new AgentError('api/closed', 'reject', text);
}

function count(query: Query, name: string, most: number, preset: number): number {
  const text = query[name];
  if (text === undefined) return preset;
  const found = Number(text);
  if (Number.isInteger(found) && found >= 1 && found <= most) return found;
  throw new ShapeError(`${name}: ${JSON.stringify(text)} found, wanted a whole number from 1 to ${most}`);
}
