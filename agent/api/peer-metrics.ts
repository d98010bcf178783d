import type { PeerStatus } from '#overlay';
import type { ApiOptions } from './types.ts';

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** Peers with a name of their own in the metrics; the others are counted together. */
const namedPeers = 64;

/**
 * A figure of each peer. Links that others began come from a new port each time: they are one label, `inbound`, and so
 * are the peers beyond the first 64 (`others`), so that the number of labels is bounded.
 */
export function byPeer({ overlay }: ApiOptions, figure: (peer: PeerStatus) => number | null): readonly Sample[] {
  const sums = new Map<string, number>();
  for (const peer of overlay.peers()) {
    const label = labelOf(peer, sums);
    const value = figure(peer);
    if (value !== null) sums.set(label, (sums.get(label) ?? 0) + value);
  }
  return [...sums].map(([peer, value]) => [{ peer }, value]);
}

/** For figures that do not add up: only of peers with a name. */
export function ofNamedPeers(options: ApiOptions, figure: (peer: PeerStatus) => number | null): readonly Sample[] {
  return byPeer(options, (peer) => (peer.kind === 'inbound' ? null : figure(peer))).filter(
    ([{ peer }]) => peer !== 'others',
  );
}

function labelOf({ kind, endpoint }: PeerStatus, known: ReadonlyMap<string, number>): string {
  if (kind === 'inbound') return 'inbound';
  return known.has(endpoint) || known.size < namedPeers ? endpoint : 'others';
}
