import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Secret } from '#kernel';

/**
 * Who may ask. Host: only names of this machine, so that a name pointed at 127.0.0.1 (DNS rebinding) is refused.
 * Origin and Sec-Fetch-Site: only pages that we serve ourselves, so that no other page can command the agent. Applies
 * to every request, also those that only read: reading a message takes it.
 */
export function guardDoor(hosts: ReadonlySet<string>) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const refusal = refuseDoor(request, hosts);
    if (refusal !== null) await reply.code(403).type('text/plain; charset=utf-8').send(refusal);
  };
}

function refuseDoor({ headers }: FastifyRequest, hosts: ReadonlySet<string>): string | null {
  const host = hostOf(headers.host);
  if (host === null || !hosts.has(host.name))
    return 'Host: found another name, wanted this machine by its loopback name';
  const origin = headers.origin;
  if (origin !== undefined && origin !== `http://${headers.host}`)
    return 'Origin: found another site, wanted none or this one';
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'none' && site !== 'same-origin')
    return 'Sec-Fetch-Site: found another site, wanted none or this one';
  return null;
}

/** `127.0.0.1:8989`, `[::1]:8989`, `localhost`. */
function hostOf(header: string | undefined): { readonly name: string } | null {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:@/[\]]+)(?::\d{1,5})?$/i.exec(header ?? '');
  const name = match?.[1]?.toLowerCase();
  return name === undefined ? null : { name };
}

/** `Authorization: Bearer TOKEN`, for whatever changes or sends something. */
export function guardToken(token: Secret) {
  const wanted = token.reveal();
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const given = /^Bearer ([0-9A-Za-z]+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (given !== undefined && sameBytes(Buffer.from(given), wanted)) return;
    const found = given === undefined ? 'none' : 'another';
    await reply
      .code(401)
      .header('www-authenticate', 'Bearer')
      .send({
        error: {
          code: 'api/token',
          message: `token: found ${found}, wanted the one in the data directory's api.token`,
          remedy: 'reconfigure',
        },
      });
  };
}

/** Takes as long for the first wrong byte as for the last. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < b.length; index++) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}
