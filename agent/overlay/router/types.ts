import type { Brand, Duration, Instant, PublicKey, Subnet } from '#kernel';
import { minutes, seconds } from '#kernel';
import type { RouteRequest, SeqnoRequest, Update } from '../wire/control.ts';
import type { DataFrame } from '../wire/data.ts';
import type { Planned } from './agenda.ts';

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
  /** A metric that has moved is told of no sooner than this after the last time. */
  readonly metricEvery: Duration;
  /** A route that comes, goes or turns is told of at once so many times; then once in `calmAfter`. */
  readonly restlessTimes: number;
  readonly calmAfter: Duration;
  /** A next hop that is found to lead nowhere is avoided for so long, twice as long each time while that is remembered … */
  readonly doubtFor: Duration;
  readonly longestDoubt: Duration;
  readonly doubtsKeptFor: Duration;
  /** … and is found to be so no sooner than this after the last time. */
  readonly doubtAgainAfter: Duration;
  /** A way that is not doubted but barred by its number gets so long to become feasible; then those that are doubted are given up for it. */
  readonly barredFor: Duration;

  readonly maxSubnets: number;
  readonly maxSources: number;
  readonly maxQueries: number;
  readonly maxSeqnoRequests: number;
  readonly maxDoubts: number;
  readonly waitingPackets: number;
  readonly waitingBytes: number;
  readonly waitingPacketsPerSubnet: number;
  readonly waitingBytesPerSubnet: number;
  /** What one neighbour may say, in the long run and at once. Retractions of its own routes are free. */
  readonly updatesPerSecond: number;
  readonly updatesAtOnce: number;
  readonly requestsPerSecond: number;
  readonly requestsAtOnce: number;
  /** What is asked of others on one neighbour's behalf: less, so that it leaves room in their limits for others. */
  readonly relaysPerSecond: number;
  readonly relaysAtOnce: number;
  /** What this node itself asks for. */
  readonly queriesPerSecond: number;
  readonly queriesAtOnce: number;
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
  metricEvery: seconds(60),
  restlessTimes: 5,
  calmAfter: seconds(2),
  doubtFor: seconds(60),
  longestDoubt: minutes(16),
  doubtsKeptFor: minutes(60),
  doubtAgainAfter: seconds(15),
  barredFor: seconds(10),
  maxSubnets: 16_384,
  maxSources: 32_768,
  maxQueries: 4096,
  maxSeqnoRequests: 4096,
  maxDoubts: 1024,
  waitingPackets: 8192,
  waitingBytes: 8 * 1024 * 1024,
  waitingPacketsPerSubnet: 1024,
  waitingBytesPerSubnet: 1024 * 1024,
  updatesPerSecond: 200,
  updatesAtOnce: 12_000,
  requestsPerSecond: 200,
  requestsAtOnce: 1000,
  relaysPerSecond: 20,
  relaysAtOnce: 200,
  queriesPerSecond: 100,
  queriesAtOnce: 1000,
};

/** `silent`: what was sent that way was not answered; `died`: a router on the way said that it ended there. */
export type DoubtReason = 'silent' | 'died';

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
  /** What was sent to the subnet by that neighbour has come to nothing. */
  | { readonly kind: 'doubted'; readonly subnet: Subnet; readonly peer: PeerId; readonly why: DoubtReason }
  /** That neighbour has taken all that it had been told when it was asked: so many retractions. */
  | { readonly kind: 'taken'; readonly peer: PeerId; readonly retractions: number }
  /** What may be carried for others is used up, or there is some again. */
  | { readonly kind: 'transit'; readonly isOpen: boolean }
  | { readonly kind: 'timer' };

export type RouterEffect =
  | { readonly kind: 'send'; readonly peer: PeerId; readonly packet: Update | RouteRequest | SeqnoRequest }
  /** It is to be known when that neighbour has taken all that it has been told until now. */
  | { readonly kind: 'ask-taken'; readonly peer: PeerId; readonly retractions: number }
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
  /** When the neighbour first announced it, whatever has come of it since. */
  readonly since: Instant;
  /** It has been asked for again, its end being near. */
  refreshed: boolean;
}

/** What the neighbours were told of a subnet. */
export interface Told {
  readonly metric: number;
  readonly routerId: RouterId;
  /** The next hop, which was not told. */
  readonly except: PeerId;
  readonly at: Instant;
}

/** What is known of one subnet. */
export interface Entry extends Planned {
  readonly subnet: Subnet;
  /** Whom it belongs to, by the route selected last. */
  key: PublicKey;
  /** The neighbour that brought it here, and whether anybody wanted it. */
  readonly owner: PeerId;
  readonly isAskedFor: boolean;
  /** At most one of each neighbour. */
  readonly routes: Route[];
  selected: Route | null;
  /** Null: nothing, or that it is lost. */
  told: Told | null;
  /** Somebody was told on asking, and must hear of a loss. */
  wasAnswered: boolean;
  /** Whose number was told last, to whomever. */
  saidAs: RouterId | null;
  /** When all that was told at once will have been told in good time: see `restlessTimes`. */
  calmAt: Instant;
  /** When the neighbours hear what they have not heard yet. */
  tellAt: Instant;
  lostAt: Instant | null;
  /** When a doubt about one of the routes ends. */
  doubtEndsAt: Instant;
  /** Since when there have been only doubted ways while another is barred by its number. */
  barredSince: Instant | null;
  usedAt: Instant;
}

/** A newer sequence number is being looked for on behalf of neighbours. */
export interface SeqnoSearch {
  readonly seqno: number;
  readonly toward: PeerId;
  readonly sentAt: Instant;
  readonly askers: Set<PeerId>;
}

/** Sequence numbers compare modulo 2^16. RFC 8966 §2.1. */
export const isNewer = (seqno: number, than: number): boolean => {
  const ahead = (seqno - than) & 0xffff;
  return ahead > 0 && ahead < 0x8000;
};
