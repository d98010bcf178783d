import type { Instant, Subnet } from '#kernel';
import { after, instant, never } from '#kernel';
import { Counts } from '../counts.ts';
import { Rate } from '../peer/rate.ts';
import type { RouteRequest, SeqnoRequest, Update } from '../wire/control.ts';
import { Agenda } from './agenda.ts';
import type { Known } from './choice.ts';
import { Doubts } from './doubts.ts';
import { type Neighbour, newNeighbour } from './neighbour.ts';
import { routeRequestFor, updateFor } from './packets.ts';
import { Remembered } from './remembered.ts';
import { SourceTable } from './sources.ts';
import { RouteTable } from './table.ts';
import type { Entry, PeerId, RouterEffect, RouterId, RouterOptions, SeqnoSearch } from './types.ts';
import { WaitingPackets } from './waiting.ts';

/** What the router knows, and the few ways in which it speaks. All tables are bounded. */
export class RouterState {
  readonly options: RouterOptions;
  readonly subnet: Subnet;
  readonly routerId: RouterId;
  readonly neighbours = new Map<PeerId, Neighbour>();
  readonly table: RouteTable;
  /** When something happens to a subnet next. */
  readonly agenda = new Agenda<Entry>();
  /** What may be believed: see `SourceTable`. */
  readonly sources: SourceTable;
  /** Which next hops were found to lead nowhere. */
  readonly doubts: Doubts;
  readonly waiting: WaitingPackets;
  /** Subnets that this node itself has asked for lately. */
  readonly wanted: Remembered<Subnet, true>;
  /** Those asked for on behalf of others, and in which generation. */
  readonly relayed: Remembered<Subnet, number>;
  readonly searches: Remembered<RouterId, SeqnoSearch>;
  readonly ownRequests: Remembered<string, number>;
  readonly dropped = new Counts();
  readonly #ownQueries: Rate;
  effects: RouterEffect[] = [];
  seqno = 0;
  bumpedAt: Instant = instant(Number.NEGATIVE_INFINITY);
  /** A sequence number that somebody needs from here; null: none. */
  wantedSeqno: number | null = null;
  /** False while what may be carried for others is used up. */
  isOpen = true;
  /** When something in a table other than that of routes ends next; may be early, never late. */
  sweepAt: Instant = never;

  /** Subnets without a way that may be used: they wait until all neighbours know that there is none through here. */
  readonly barred = new Set<Entry>();

  /** What a choice of routes is made by. */
  readonly known: Known;

  constructor(subnet: Subnet, routerId: RouterId, options: RouterOptions, now: Instant) {
    this.subnet = subnet;
    this.routerId = routerId;
    this.options = options;
    this.table = new RouteTable(options.maxSubnets, options.inUseFor);
    this.sources = new SourceTable(options.maxSources, options.sourceFor);
    this.doubts = new Doubts(options);
    this.known = { costOf: (peer) => this.costOf(peer), sources: this.sources, doubts: this.doubts };
    this.waiting = new WaitingPackets({
      packets: options.waitingPackets,
      bytes: options.waitingBytes,
      packetsPerSubnet: options.waitingPacketsPerSubnet,
      bytesPerSubnet: options.waitingBytesPerSubnet,
      waitFor: options.waitFor,
    });
    this.wanted = new Remembered(options.maxQueries);
    this.relayed = new Remembered(options.maxQueries);
    this.searches = new Remembered(options.maxSeqnoRequests);
    this.ownRequests = new Remembered(options.maxSeqnoRequests);
    this.#ownQueries = new Rate(options.queriesPerSecond, options.queriesAtOnce, now);
  }

  /** Whether it speaks of others' subnets. */
  get carries(): boolean {
    return this.options.transit && this.isOpen;
  }

  addNeighbour(peer: PeerId, cost: number, now: Instant): void {
    this.neighbours.set(peer, newNeighbour(this.options, cost, this.sources.retractions, now));
  }

  costOf(peer: PeerId): number | undefined {
    return this.neighbours.get(peer)?.cost;
  }

  isAskedFor(subnet: Subnet, now: Instant): boolean {
    return this.wanted.get(subnet, now) !== undefined || this.relayed.get(subnet, now) !== undefined;
  }

  send(peer: PeerId, packet: Update | RouteRequest | SeqnoRequest): void {
    this.effects.push({ kind: 'send', peer, packet });
  }

  wakeBy(at: Instant): void {
    if (at < this.sweepAt) this.sweepAt = at;
  }

  announceSelf(peer: PeerId): void {
    this.send(peer, updateFor(this.subnet, this.routerId, this.seqno, 0, this.options.updateEvery));
  }

  /** This node itself wants to know: asks all neighbours, once in 15 s. */
  ask(subnet: Subnet, now: Instant): void {
    if (subnet === this.subnet || this.wanted.get(subnet, now) !== undefined) return;
    if (this.neighbours.size > 0 && !this.#ownQueries.take(now)) {
      this.dropped.add('dropped_own_queries_rate');
      return;
    }
    this.#remember(this.wanted, subnet, true, now);
    for (const peer of this.neighbours.keys()) this.send(peer, routeRequestFor(subnet, 0));
  }

  /** On behalf of a neighbour: asks all others, once in 15 s, or again when this request has come a shorter way. */
  relay(subnet: Subnet, generation: number, asker: PeerId, now: Instant): void {
    const last = this.wanted.get(subnet, now) === undefined ? this.relayed.get(subnet, now) : 0;
    if (last !== undefined && last <= generation) return;
    if (this.neighbours.get(asker)?.relays.take(now) !== true) {
      this.dropped.add('dropped_relays_rate');
      return;
    }
    this.#remember(this.relayed, subnet, generation, now);
    for (const peer of this.neighbours.keys()) if (peer !== asker) this.send(peer, routeRequestFor(subnet, generation));
  }

  #remember<V>(table: Remembered<Subnet, V>, subnet: Subnet, value: V, now: Instant): void {
    const expires = after(now, this.options.queryFor);
    table.set(subnet, value, expires);
    this.wakeBy(expires);
  }
}
