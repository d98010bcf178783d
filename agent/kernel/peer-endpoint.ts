import type { Endpoint } from './net.ts';
import type { ProxyServer } from './proxy-server.ts';
import { splitUrl } from './url.ts';

/** The kinds of link between nodes that there are. */
export type Scheme = 'tcp' | 'tls';

/** Where a link to another node goes or is taken: an address with its scheme. */
export interface PeerEndpoint extends Endpoint {
  /** Default: `tcp`. In a private network `tcp` means `tls`. */
  readonly scheme?: Scheme;
  /** Null: straight there. Left out: by the overlay's own proxy, if it has one. */
  readonly proxy?: ProxyServer | null;
}

/** `tls://[fe80::1%eth0]:9651` */
export function formatPeer({ scheme, host, port }: PeerEndpoint): string {
  return `${scheme ?? 'tcp'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Kinds of link that stock Mycelium has and this program has not, with what to write instead (agent/overlay/DECISIONS.md). */
const refusedSchemes: Readonly<Record<string, string>> = {
  quic: 'tcp://, or tls:// in a private network (there is no quic:// here; a stock node takes tcp:// too, on its TCP port)',
  vsock: 'tcp:// (there is no vsock:// here; `socat` can bridge one to a loopback port)',
};

const example = 'an address such as "tcp://192.0.2.1:9651"';

export type ParsedPeer =
  | { readonly ok: true; readonly peer: PeerEndpoint & { readonly scheme: Scheme } }
  /** What to write instead, in a line. */
  | { readonly ok: false; readonly wanted: string };

/** The address of a node as people write it. */
export function parsePeer(text: string): ParsedPeer {
  const refused = refusedSchemes[text.split('://')[0]?.toLowerCase() ?? ''];
  if (refused !== undefined) return { ok: false, wanted: refused };
  const url = splitUrl(text);
  if (url === null || (url.scheme !== 'tcp' && url.scheme !== 'tls')) return { ok: false, wanted: example };
  return { ok: true, peer: { scheme: url.scheme, host: url.host, port: url.port } };
}
