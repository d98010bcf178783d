import type { Brand, Duration, Instant, PublicKey, Subnet } from '#kernel';
import { minutes, seconds } from '#kernel';
import type { RouteRequest, SeqnoRequest, Update } from '../wire/control.ts';
import type { DataFrame } from '../wire/data.ts';

/** A living link to a neighbour, numbered by the node. */
export type PeerId = Brand<number, 'PeerId'>;

/** Key, zone and random part of a node's router id, 80 hex digits. A node that starts again has another one. */
export type RouterId = Brand<string, 'RouterId'>;

export const keyOfRouter = (id: RouterId): PublicKey => id.slice(0, 64) as unknown as PublicKey;

/** Metric of a retraction. */
export const infinite = 0xffff;

export interface RouterOptions {
  /** Carry packets, updates and requests of others. */
  readonly transit: boolean;
  readonly updateEvery: Duration;
  readonly queryFor: Duration;
  readonly waitFor: Duration;
  /** How long a lost destination is remembered as lost. */
  readonly holdFor: Duration;
  readonly sourceFor: Duration;
  readonly seqnoBumpEvery: Duration;
  readonly seqnoForwardEvery: Duration;
  /** A route in use is asked for again this long before its end. */
  readonly refreshBefore: Duration;
  readonly inUseFor: Duration;

  readonly maxSubnets: number;
  readonly maxSources: number;
  readonly maxQueries: number;
  readonly maxSeqnoRequests: number;
  readonly waitingPackets: number;
  readonly waitingBytes: number;
  readonly waitingPacketsPerSubnet: number;
  readonly waitingBytesPerSubnet: number;
  readonly updatesPerSecond: number;
  readonly requestsPerSecond: number;
}

export const defaultRouterOptions: RouterOptions = {
  transit: true,
  updateEvery: seconds(300),
  queryFor: seconds(15),
  waitFor: seconds(15),
  holdFor: seconds(6),
  sourceFor: minutes(30),
  seqnoBumpEvery: seconds(4),
  seqnoForwardEvery: seconds(60),
  refreshBefore: seconds(15),
  inUseFor: seconds(60),
  maxSubnets: 16_384,
  maxSources: 32_768,
  maxQueries: 4096,
  maxSeqnoRequests: 4096,
  waitingPackets: 8192,
  waitingBytes: 8 * 1024 * 1024,
  waitingPacketsPerSubnet: 1024,
  waitingBytesPerSubnet: 1024 * 1024,
  updatesPerSecond: 2000,
  requestsPerSecond: 200,
};

export type RouterEvent =
  | { readonly kind: 'peer-up'; readonly peer: PeerId; readonly cost: number }
  | { readonly kind: 'peer-down'; readonly peer: PeerId }
  | { readonly kind: 'cost-changed'; readonly peer: PeerId; readonly cost: number }
  | { readonly kind: 'update'; readonly peer: PeerId; readonly update: Update }
  | { readonly kind: 'route-request'; readonly peer: PeerId; readonly request: RouteRequest }
  | { readonly kind: 'seqno-request'; readonly peer: PeerId; readonly request: SeqnoRequest }
  /** Somebody wants to reach the subnet: ask for it if it is not known. */
  | { readonly kind: 'wanted'; readonly subnet: Subnet }
  /** A packet without a route: it waits, and the route is asked for. The frame is the router's to keep. */
  | { readonly kind: 'hold'; readonly subnet: Subnet; readonly frame: DataFrame }
  | { readonly kind: 'timer' };

export type RouterEffect =
  | { readonly kind: 'send'; readonly peer: PeerId; readonly packet: Update | RouteRequest | SeqnoRequest }
  | { readonly kind: 'release'; readonly peer: PeerId; readonly frame: DataFrame }
  | { readonly kind: 'dropped'; readonly frame: DataFrame; readonly why: 'no-route' | 'no-room' }
  | { readonly kind: 'route-changed'; readonly subnet: Subnet; readonly key: PublicKey; readonly reachable: boolean };

/** One neighbour's announcement of one subnet. */
export interface Route {
  readonly peer: PeerId;
  readonly routerId: RouterId;
  readonly seqno: number;
  /** As the neighbour announced it: its cost is not in it. */
  readonly metric: number;
  readonly expires: Instant;
  /** It has been asked for again, its end being near. */
  refreshed: boolean;
}

/** What is known of one subnet. */
export interface Entry {
  readonly subnet: Subnet;
  /** Whom it belongs to, by the route selected last. */
  key: PublicKey;
  readonly routes: Map<PeerId, Route>;
  selected: Route | null;
  /** What the neighbours were told last; null: nothing, or that it is lost. */
  advertised: { readonly metric: number; readonly routerId: RouterId } | null;
  lostAt: Instant | null;
  usedAt: Instant;
}

/** Sequence numbers compare modulo 2^16. RFC 8966 §2.1. */
export const isNewer = (seqno: number, than: number): boolean => {
  const ahead = (seqno - than) & 0xffff;
  return ahead > 0 && ahead < 0x8000;
};
