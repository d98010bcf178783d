import * as z from 'zod/mini';
import { type PeerEndpoint, type ProxyServer, parsePeer, parseProxy } from '#kernel';
import { list, refuse, text, worded } from './values.ts';

/** The kinds of value that only [overlay] has. */

type Context = Parameters<typeof refuse>[0];

const proxyWanted = 'a proxy such as "socks5://user:password@192.0.2.1:1080" or "http://192.0.2.1:3128"';
const peerWanted = 'an address such as "tcp://192.0.2.1:9651", or { url = "tcp://…", proxy = "socks5://…" or "none" }';

/** Where others may connect. */
export const listenAddress = () =>
  worded('address', z.pipe(z.string({ error: 'an address such as "tcp://[::]:9651"' }), z.transform(asPeer)));

/** `"tcp://…"`, or a table that names the peer's own proxy. */
export function peer() {
  const written = z.union([z.string(), z.strictObject({ url: z.string(), proxy: z.string() })], { error: peerWanted });
  return worded('address, or { url, proxy }', z.pipe(written, z.transform(withProxy)));
}

export const proxy = () => text('socks5://… or http://…', proxyWanted, parseProxy);

/** True: everywhere; a list: on these interfaces. */
export function discovery() {
  const name = z.string().check(z.regex(/^[^\s/]{1,15}$/));
  const wanted = 'true, false, or a list of interfaces such as ["eth0"]';
  return worded('true, false or list of interfaces', z.union([z.boolean(), list(name, wanted)], { error: wanted }));
}

/** WIRE.md §2. The name is sent as a C string. */
const networkName = () =>
  text('name', 'a name of 2 to 64 bytes', (written) => {
    const bytes = Buffer.byteLength(written);
    return bytes >= 2 && bytes <= 64 && !written.includes('\0') ? written : null;
  });

export function network() {
  const wanted = 'a table such as { name = "plant", key_file = "/etc/hypha/plant.psk" }';
  const file = z.string({ error: 'the path of a file of 32 bytes' }).check(z.minLength(1, { error: 'a path' }));
  return worded(
    '{ name, key_file }',
    z.optional(z.strictObject({ name: networkName(), key_file: file }, { error: wanted })),
  );
}

function asPeer(written: string, context: Context): PeerEndpoint {
  const parsed = parsePeer(written);
  return parsed.ok ? parsed.peer : refuse(context, parsed.wanted);
}

function withProxy(written: string | { url: string; proxy: string }, context: Context): PeerEndpoint {
  if (typeof written === 'string') return asPeer(written, context);
  const found = asPeer(written.url, context);
  if (written.proxy === 'none') return { ...found, proxy: null };
  const via: ProxyServer | null = parseProxy(written.proxy);
  return via === null ? refuse(context, `${proxyWanted}, or "none"`) : { ...found, proxy: via };
}
