import type { NetworkKey, PeerEndpoint, Scheme } from '#kernel';
import type { Transport } from './scheme.ts';
import { tcp } from './tcp/transport.ts';
import { tls } from './tls/transport.ts';

/** One folder each, imported by name: the packed binary has no dynamic imports. */
const transports: Readonly<Record<Scheme, Transport>> = { tcp, tls };

/** How a link to there is really made: within a private network everything is TLS, as with stock. */
export function settledScheme({ scheme }: PeerEndpoint, network: NetworkKey | null): Scheme {
  return network === null ? (scheme ?? 'tcp') : 'tls';
}

/** Null for `tls` without a private network: there is no key to show. */
export function transportFor(scheme: Scheme, network: NetworkKey | null): Transport | null {
  return scheme === 'tls' && network === null ? null : transports[scheme];
}
