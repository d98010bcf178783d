import type { Instant, Subnet } from '#kernel';
import { after, instant } from '#kernel';
import { Counts } from '../counts.ts';
import { Rate } from '../peer/rate.ts';
import type { RouteRequest, SeqnoRequest, Update } from '../wire/control.ts';
import { routeRequestFor, updateFor } from './packets.ts';
import { Remembered } from './remembered.ts';
import { SourceTable } from './sources.ts';
import { RouteTable } from './table.ts';
import {
  type Entry,
  infinite,
  type PeerId,
  type Route,
  type RouterEffect,
  type RouterId,
  type RouterOptions,
} from './types.ts';
import { WaitingPackets } from './waiting.ts';

export interface Neighbour {
  cost: number;
  readonly updates: Rate;
  readonly requests: Rate;
  /** It gets the full table no sooner. */
  nextTableAt: Instant;
}

/** A newer sequence number is being looked for on behalf of neighbours. */
export interface SeqnoSearch {
  readonly subnet: Subnet;
  readonly routerId: RouterId;
  readonly seqno: number;
  readonly askers: Set<PeerId>;
}

/** What the router knows, and the few ways in which it speaks. All tables are bounded. */
export class RouterState {
  readonly options: RouterOptions;
  readonly subnet: Subnet;
  readonly routerId: RouterId;
  readonly neighbours = new Map<PeerId, Neighbour>();
  readonly table: RouteTable;
  /** What may be believed: see `SourceTable`. */
  readonly sources: SourceTable;
  readonly waiting: WaitingPackets;
  /** Subnets asked for lately; the value says whether this node itself wants them. */
  readonly queries: Remembered<Subnet, boolean>;
  readonly searches: Remembered<string, SeqnoSearch>;
  readonly ownRequests: Remembered<string, true>;
  readonly dropped = new Counts();
  effects: RouterEffect[] = [];
  seqno = 0;
  bumpedAt: Instant = instant(Number.NEGATIVE_INFINITY);
  /** When something in a table ends next; may be early, never late. */
  sweepAt: Instant = instant(Number.POSITIVE_INFINITY);

  constructor(subnet: Subnet, routerId: RouterId, options: RouterOptions) {
    this.subnet = subnet;
    this.routerId = routerId;
    this.options = options;
    this.table = new RouteTable(options.maxSubnets, options.inUseFor);
    this.sources = new SourceTable(options.maxSources, options.sourceFor);
    this.waiting = new WaitingPackets({
      packets: options.waitingPackets,
      bytes: options.waitingBytes,
      packetsPerSubnet: options.waitingPacketsPerSubnet,
      bytesPerSubnet: options.waitingBytesPerSubnet,
      waitFor: options.waitFor,
    });
    this.queries = new Remembered(options.maxQueries);
    this.searches = new Remembered(options.maxSeqnoRequests);
    this.ownRequests = new Remembered(options.maxSeqnoRequests);
  }

  addNeighbour(peer: PeerId, cost: number, now: Instant): void {
    const { updatesPerSecond, requestsPerSecond } = this.options;
    this.neighbours.set(peer, {
      cost,
      updates: new Rate(updatesPerSecond, updatesPerSecond * 10, now),
      requests: new Rate(requestsPerSecond, requestsPerSecond * 5, now),
      nextTableAt: now,
    });
  }

  costOf(peer: PeerId): number | undefined {
    return this.neighbours.get(peer)?.cost;
  }

  send(peer: PeerId, packet: Update | RouteRequest | SeqnoRequest): void {
    this.effects.push({ kind: 'send', peer, packet });
  }

  wakeBy(at: Instant): void {
    if (at < this.sweepAt) this.sweepAt = at;
  }

  /** Tells one neighbour of a selected route; what any may have heard bounds what this node may use later. */
  announce(peer: PeerId, entry: Entry, route: Route, now: Instant): void {
    const metric = route.metric + (this.costOf(route.peer) ?? infinite);
    if (metric >= infinite) return;
    this.sources.announced(entry.subnet, route.routerId, route.seqno, metric, now);
    this.send(peer, updateFor(entry.subnet, route.routerId, route.seqno, metric, this.options.updateEvery));
  }

  announceSelf(peer: PeerId): void {
    this.send(peer, updateFor(this.subnet, this.routerId, this.seqno, 0, this.options.updateEvery));
  }

  /** Asks all neighbours but one, once in 15 s for others and once for this node itself. */
  query(subnet: Subnet, isOurs: boolean, generation: number, except: PeerId | null, now: Instant): void {
    const isOursAlready = this.queries.get(subnet, now);
    if (subnet === this.subnet || isOursAlready === true || isOursAlready === isOurs) return;
    const expires = after(now, this.options.queryFor);
    this.queries.set(subnet, isOurs, expires);
    this.wakeBy(expires);
    for (const peer of this.neighbours.keys()) {
      if (peer !== except) this.send(peer, routeRequestFor(subnet, generation));
    }
  }
}
