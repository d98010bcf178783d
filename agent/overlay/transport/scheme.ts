import type { ByteLink, Clock, Endpoint, LinkEvents, Net, NetworkKey, ProxyServer, Scheme } from '#kernel';

/** What links are made from. */
export interface Ground {
  readonly net: Net;
  readonly clock: Pick<Clock, 'soon'>;
  /** The private network that this node is in, if any. */
  readonly network: NetworkKey | null;
}

/** One kind of link. */
export interface Transport {
  readonly scheme: Scheme;
  /** Added to the measured cost of a link. WIRE.md §4. */
  readonly staticCost: (host: string) => number;
  readonly dial: (ground: Ground, to: Endpoint, proxy: ProxyServer | null, events: LinkEvents) => ByteLink;
  /** An incoming link; `opened` follows, also where there is nothing to agree on first. */
  readonly accept: (ground: Ground, link: ByteLink, events: LinkEvents) => ByteLink;
}
