import type { RawReplyDefaultExpression, RawRequestDefaultExpression } from 'fastify';
import { type Endpoint, type Listener, messageOf } from '#kernel';
import { Bodies } from './bodies.ts';
import type { Api, ApiOptions } from './types.ts';

/** What one request may cost in time, and how many may come at once; its bytes are bounded in door.ts and rpc/route.ts. */
const limits = { connections: 256, requestMs: 30_000 };
const rpcLimits = { connections: 64, requestMs: 30_000 };

/** The HTTP door: stock-compatible, the agent's own, metrics. Contract: CONTRACT.md, "Mycelium's own API" and "Security defaults". */
export function createApi(options: ApiOptions): Api {
  const listening: Endpoint[] = [];
  const rpcListening: Endpoint[] = [];
  const bodies = new Bodies();
  const doors: { readonly listener: Listener; readonly door: LazyDoor }[] = [];
  const open = async (at: Endpoint, door: LazyDoor, bounds: typeof limits): Promise<Endpoint> => {
    const listener = await options.listenHttp(at, bounds, door.answer);
    doors.push({ listener, door });
    return listener.at;
  };
  return {
    listening,
    rpcListening,
    start: async () => {
      for (const at of options.listen) {
        const door = new LazyDoor(options, async () =>
          (await doorRoom()).openDoor(options, at, () => listening, bodies),
        );
        listening.push(await open(at, door, limits));
      }
      if (options.stock === 'off') return;
      for (const at of options.rpc) {
        const door = new LazyDoor(options, async () => (await doorRoom()).openRpcDoor(options, at, bodies));
        rpcListening.push(await open(at, door, rpcLimits));
      }
    },
    stop: async () => {
      options.desk.inbox.close();
      options.events.close();
      await Promise.all(doors.map(({ door }) => door.close()));
      await Promise.all(doors.map(({ listener }) => listener.close()));
    },
  };
}

const doorRoom = () => import('./door.ts');
type Router = Awaited<ReturnType<typeof import('./door.ts').openDoor>>;

/**
 * Listens from the start; the web framework behind it (a quarter of the agent's code) is loaded by the first request,
 * so that a gateway nobody asks starts sooner and stays smaller.
 */
class LazyDoor {
  readonly #options: ApiOptions;
  readonly #open: () => Promise<Router>;
  #router: Promise<Router> | undefined;

  constructor(options: ApiOptions, open: () => Promise<Router>) {
    this.#options = options;
    this.#open = open;
  }

  readonly answer = (request: RawRequestDefaultExpression, response: RawReplyDefaultExpression): void => {
    this.#router ??= this.#open();
    this.#router.then(
      (router) => router.routing(request, response),
      (error: unknown) => {
        this.#options.log.error('api-unusable', { why: messageOf(error) });
        response.writeHead(500).end();
      },
    );
  };

  async close(): Promise<void> {
    await (await this.#router)?.close();
  }
}
