import type { NetworkKey } from '#kernel';
import { type PeerEndpoint, splitUrl } from './endpoint.ts';
import { quic } from './quic/transport.ts';
import type { Refused, Scheme, Transport } from './scheme.ts';
import { tcp } from './tcp/transport.ts';
import { tls } from './tls/transport.ts';
import { vsock } from './vsock/transport.ts';

/** One folder each, imported by name: the packed binary has no dynamic imports. A test holds it to the folders. */
export const schemes: readonly (Transport | Refused)[] = [tcp, tls, quic, vsock];

export type ParsedPeer =
  | { readonly ok: true; readonly peer: PeerEndpoint & { readonly scheme: Scheme } }
  | { readonly ok: false; readonly wanted: string };

const example = 'an address such as "tcp://192.0.2.1:9651"';

/** An address as people write it. `wanted` says in a line what to write instead. */
export function parsePeer(text: string): ParsedPeer {
  const url = splitUrl(text);
  const found = schemes.find(({ scheme }) => scheme === (url?.scheme ?? schemeOf(text)));
  if (found?.kind === 'refused') return { ok: false, wanted: found.why };
  if (url === null || found === undefined) return { ok: false, wanted: example };
  return { ok: true, peer: { scheme: found.scheme, host: url.host, port: url.port } };
}

const schemeOf = (text: string): string => text.split('://')[0]?.toLowerCase() ?? '';

/** How a link to there is really made: within a private network everything is TLS, as with stock. */
export function settledScheme({ scheme }: PeerEndpoint, network: NetworkKey | null): Scheme {
  return network === null ? (scheme ?? 'tcp') : 'tls';
}

/** Null for `tls` without a private network: there is no key to show. */
export function transportFor(scheme: Scheme, network: NetworkKey | null): Transport | null {
  if (scheme === 'tls' && network === null) return null;
  return scheme === 'tls' ? tls : tcp;
}
