import type { RawReplyDefaultExpression, RawRequestDefaultExpression } from 'fastify';
import { type Endpoint, type Listener, messageOf } from '#kernel';
import type { Api, ApiOptions } from './types.ts';

/** What one request may cost in time, and how many may come at once; its bytes are bounded in door.ts. */
const limits = { connections: 256, requestMs: 30_000 };

/** The HTTP door: stock-compatible, the agent's own, metrics. Contract: CONTRACT.md, "Mycelium's own API" and "Security defaults". */
export function createApi(options: ApiOptions): Api {
  const listening: Endpoint[] = [];
  const doors: { readonly listener: Listener; readonly door: LazyDoor }[] = [];
  return {
    listening,
    start: async () => {
      for (const at of options.listen) {
        const door = new LazyDoor(options, at, () => listening);
        const listener = await options.listenHttp(at, limits, door.answer);
        doors.push({ listener, door });
        listening.push(listener.at);
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

type Router = Awaited<ReturnType<typeof import('./door.ts').openDoor>>;

/**
 * Listens from the start; the web framework behind it (a quarter of the agent's code) is loaded by the first request,
 * so that a gateway nobody asks starts sooner and stays smaller.
 */
class LazyDoor {
  readonly #options: ApiOptions;
  readonly #at: Endpoint;
  readonly #listening: () => readonly Endpoint[];
  #router: Promise<Router> | undefined;

  constructor(options: ApiOptions, at: Endpoint, listening: () => readonly Endpoint[]) {
    this.#options = options;
    this.#at = at;
    this.#listening = listening;
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

  async #open(): Promise<Router> {
    const { openDoor } = await import('./door.ts');
    return openDoor(this.#options, this.#at, this.#listening);
  }
}
