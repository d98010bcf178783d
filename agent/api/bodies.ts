import { type Readable, Transform } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AgentError } from '#kernel';

/** Bytes of request bodies in memory, over all connections of all doors. */
const limitBytes = 33_554_432;
/** A request with no more than this is always heard: as many as there are connections may have it. */
const smallBytes = 16_384;
const retrySeconds = '1';

/** One request's body: counted as it comes, until its answer is out. */
export interface Body {
  /** False: no room; what it had counts no more. */
  grow(bytes: number): boolean;
  leave(): void;
}

/** What bodies that come at the same time may cost in memory together. */
export class Bodies {
  #bytes = 0;
  #large: Body | null = null;
  refused = 0;

  get bytes(): number {
    return this.#bytes;
  }

  hasRoom(bytes: number): boolean {
    return bytes <= smallBytes || this.#bytes + bytes <= limitBytes;
  }

  /** `mayBeLarge`: of one who holds the token. One such at a time goes on beyond the bound. */
  open(mayBeLarge: boolean): Body {
    let held = 0;
    const leave = (): void => {
      this.#bytes -= held;
      held = 0;
      if (this.#large === body) this.#large = null;
    };
    const body: Body = {
      leave,
      grow: (bytes) => {
        const isHeard =
          held + bytes <= smallBytes || this.#bytes + bytes <= limitBytes || this.#isLarge(body, mayBeLarge);
        if (!isHeard) {
          leave();
          return false;
        }
        held += bytes;
        this.#bytes += bytes;
        return true;
      },
    };
    return body;
  }

  #isLarge(body: Body, mayBeLarge: boolean): boolean {
    if (mayBeLarge) this.#large ??= body;
    return this.#large === body;
  }
}

/** Holds every body that comes through `app` to the common bound: beyond it `503` with Retry-After, counted. */
export function boundBodies(app: FastifyInstance, bodies: Bodies): void {
  app.addHook('preParsing', async (request, reply, payload) => {
    // Only the token opens such a route, and before its body is read.
    const mayBeLarge = (request.routeOptions.bodyLimit ?? 0) > limitBytes;
    const declared = Number(request.headers['content-length'] ?? 0);
    if (!mayBeLarge && !bodies.hasRoom(declared)) throw noRoom(bodies, reply);
    const body = bodies.open(mayBeLarge);
    reply.raw.once('close', () => body.leave());
    return counted(payload, body, () => noRoom(bodies, reply));
  });
  app.addHook('onSend', letFinish);
}

/** Who is refused half-way may send the rest, which nobody keeps: a connection cut now would often swallow the answer. */
async function letFinish(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (reply.statusCode !== 503 || request.raw.complete) return;
  reply.removeHeader('connection');
  request.raw.resume();
}

function counted(payload: Readable, body: Body, refusal: () => Error): Readable {
  const passed = new Transform({
    transform: (piece: Uint8Array, _, done) => {
      if (body.grow(piece.length)) {
        done(null, piece);
        return;
      }
      payload.unpipe(passed);
      done(refusal());
    },
  });
  payload.once('error', (error) => passed.destroy(error));
  return payload.pipe(passed);
}

function noRoom(bodies: Bodies, reply: FastifyReply): Error {
  bodies.refused++;
  reply.header('retry-after', retrySeconds);
  const error = new AgentError(
    'api/busy',
    'retry',
    `body: ${bodies.bytes} bytes of others are on their way, wanted room`,
  );
  return Object.assign(error, { statusCode: 503 });
}
