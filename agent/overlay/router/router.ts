import type { Instant, Machine, PublicKey, Subnet } from '#kernel';
import { after, instant, seconds, unreachable } from '#kernel';
import { Rate } from '../peer/rate.ts';
import type { RouteRequest, SeqnoRequest, Update } from '../wire/control.ts';
import { checkUpdate, isSubnetOf, routeRequestFor, seqnoRequestFor, updateFor } from './packets.ts';
import { Remembered } from './requests.ts';
import { SourceTable } from './sources.ts';
import { choose, RouteTable } from './table.ts';
import {
  type Entry,
  infinite,
  isNewer,
  keyOfRouter,
  type PeerId,
  type Route,
  type RouterEffect,
  type RouterEvent,
  type RouterId,
  type RouterOptions,
} from './types.ts';
import { WaitingPackets } from './waiting.ts';

interface Neighbour {
  cost: number;
  readonly updates: Rate;
  readonly requests: Rate;
  nextTableAt: Instant;
}

interface SeqnoSearch {
  readonly seqno: number;
  /** Neighbours that want to hear the answer. */
  readonly askers: Set<PeerId>;
}

/** Change of a metric that the neighbours are told of at once. WIRE.md §4. */
const significant = 10;
const lastGeneration = 15;
const originHopCount = 64;
/** An own seqno request is repeated no sooner than this. */
const askAgainAfter = seconds(10);
/** A neighbour gets the full table at most this often. */
const tableEvery = seconds(15);
const leastSweepMs = 200;

/**
 * Babel, on demand. WIRE.md §4, RFC 8966.
 *
 * - A route is selected only if it is feasible against everything ever announced: so there are no loops.
 * - Routes are asked for when somebody wants them; the answer spreads as an update to all neighbours but the next hop.
 * - What a neighbour can make it do or hold is bounded: updates and requests by rate, tables by count, each with a
 *   counter in `counters`.
 */
export class RouterMachine implements Machine<RouterEvent, RouterEffect> {
  readonly #options: RouterOptions;
  readonly #subnet: Subnet;
  readonly #routerId: RouterId;
  readonly #neighbours = new Map<PeerId, Neighbour>();
  readonly #table: RouteTable;
  readonly #sources: SourceTable;
  readonly #waiting: WaitingPackets;
  /** Subnets asked for lately; the value says whether this node itself wants them. */
  readonly #queries: Remembered<Subnet, boolean>;
  readonly #searches: Remembered<string, SeqnoSearch>;
  readonly #ownRequests: Remembered<string, true>;
  readonly #dropped = new Map<string, number>();
  #effects: RouterEffect[] = [];
  #seqno = 0;
  #bumpedAt = instant(Number.NEGATIVE_INFINITY);
  #announceAt: Instant;
  #sweepAt: Instant;

  constructor(subnet: Subnet, routerId: RouterId, options: RouterOptions, now: Instant) {
    this.#subnet = subnet;
    this.#routerId = routerId;
    this.#options = options;
    this.#table = new RouteTable(options.maxSubnets, options.inUseFor);
    this.#sources = new SourceTable(options.maxSources, options.sourceFor);
    this.#waiting = new WaitingPackets({
      packets: options.waitingPackets,
      bytes: options.waitingBytes,
      packetsPerSubnet: options.waitingPacketsPerSubnet,
      bytesPerSubnet: options.waitingBytesPerSubnet,
      waitFor: options.waitFor,
    });
    this.#queries = new Remembered(options.maxQueries);
    this.#searches = new Remembered(options.maxSeqnoRequests);
    this.#ownRequests = new Remembered(options.maxSeqnoRequests);
    this.#announceAt = after(now, options.updateEvery);
    this.#sweepAt = this.#announceAt;
  }

  step(event: RouterEvent, now: Instant): readonly RouterEffect[] {
    this.#effects = [];
    switch (event.kind) {
      case 'peer-up':
        this.#peerUp(event.peer, event.cost, now);
        break;
      case 'peer-down':
        this.#peerDown(event.peer, now);
        break;
      case 'cost-changed':
        this.#costChanged(event.peer, event.cost, now);
        break;
      case 'update':
        this.#limited(event.peer, 'updates', now, () => this.#update(event.peer, event.update, now));
        break;
      case 'route-request':
        this.#limited(event.peer, 'requests', now, () => this.#routeRequest(event.peer, event.request, now));
        break;
      case 'seqno-request':
        this.#limited(event.peer, 'requests', now, () => this.#seqnoRequest(event.peer, event.request, now));
        break;
      case 'wanted':
        this.#want(event.subnet, now);
        break;
      case 'hold':
        if (!this.#waiting.add(event.subnet, event.frame, now)) {
          this.#effects.push({ kind: 'dropped', frame: event.frame, why: 'no-room' });
        }
        this.#wakeBy(after(now, this.#options.waitFor));
        this.#query(event.subnet, true, 0, null, now);
        break;
      case 'timer':
        this.#timer(now);
        break;
      default:
        return unreachable(event);
    }
    return this.#effects;
  }

  deadline(): Instant {
    return instant(Math.min(this.#announceAt, this.#sweepAt));
  }

  /** The neighbour to send to, if there is a route now. Marks the route as used. */
  nextHop(subnet: Subnet, now: Instant): PeerId | null {
    const entry = this.#table.get(subnet);
    if (entry?.selected === undefined || entry.selected === null) return null;
    entry.usedAt = now;
    return entry.selected.peer;
  }

  /** True when the subnet was reachable a few seconds ago and is not now. */
  wasLost(subnet: Subnet, now: Instant): boolean {
    const lostAt = this.#table.get(subnet)?.lostAt ?? null;
    return lostAt !== null && now < after(lostAt, this.#options.holdFor);
  }

  keyOf(subnet: Subnet): PublicKey | undefined {
    return this.#table.get(subnet)?.key;
  }

  routes(): Iterable<Entry> {
    return this.#table.entries();
  }

  *queries(now: Instant): Iterable<readonly [Subnet, Instant]> {
    for (const [subnet, , expires] of this.#queries.entries(now)) yield [subnet, expires];
  }

  get seqno(): number {
    return this.#seqno;
  }

  /** Sizes of the tables and what was refused, by name. */
  counters(): Readonly<Record<string, number>> {
    return {
      routes: this.#table.count,
      sources: this.#sources.count,
      sources_forgotten: this.#sources.forgotten,
      waiting_packets: this.#waiting.packets,
      waiting_bytes: this.#waiting.bytes,
      queries_forgotten: this.#queries.forgotten,
      ...Object.fromEntries(this.#dropped),
    };
  }

  #peerUp(peer: PeerId, cost: number, now: Instant): void {
    const { updatesPerSecond, requestsPerSecond } = this.#options;
    this.#neighbours.set(peer, {
      cost,
      updates: new Rate(updatesPerSecond, updatesPerSecond * 10, now),
      requests: new Rate(requestsPerSecond, requestsPerSecond * 5, now),
      nextTableAt: now,
    });
    this.#announceSelf(peer);
    for (const [subnet, isOurs] of this.#queries.entries(now)) {
      if (isOurs) this.#send(peer, routeRequestFor(subnet, 0));
    }
  }

  #peerDown(peer: PeerId, now: Instant): void {
    if (!this.#neighbours.delete(peer)) return;
    for (const entry of this.#table.entries()) {
      if (entry.routes.delete(peer)) this.#reselect(entry, now);
    }
  }

  #costChanged(peer: PeerId, cost: number, now: Instant): void {
    const neighbour = this.#neighbours.get(peer);
    if (neighbour === undefined) return;
    neighbour.cost = cost;
    for (const entry of this.#table.entries()) if (entry.routes.has(peer)) this.#reselect(entry, now);
  }

  #limited(peer: PeerId, kind: 'updates' | 'requests', now: Instant, run: () => void): void {
    const neighbour = this.#neighbours.get(peer);
    if (neighbour === undefined) return;
    if (neighbour[kind].take(now)) run();
    else this.#drop(`dropped_${kind}_rate`);
  }

  // Updates -----------------------------------------------------------------------------------------------------------

  #update(peer: PeerId, update: Update, now: Instant): void {
    const known = this.#table.get(update.prefix as Subnet);
    const refusal = checkUpdate(update, this.#subnet, known?.key);
    if (refusal !== null) return this.#drop(`dropped_update_${refusal}`);
    const subnet = update.prefix as Subnet;
    if (update.metric === infinite) {
      if (known?.routes.delete(peer)) this.#reselect(known, now);
      return;
    }
    const route: Route = {
      peer,
      routerId: update.routerId as RouterId,
      seqno: update.seqno,
      metric: update.metric,
      expires: after(now, seconds((update.interval / 100) * 3.5)),
      refreshed: false,
    };
    const isAskedFor = this.#queries.get(subnet, now) !== undefined;
    const entry = this.#table.ensure(subnet, keyOfRouter(route.routerId), isAskedFor, now);
    if (entry === null) return this.#drop('dropped_update_table_full');
    this.#learn(entry, route, now);
  }

  /** RFC 8966 §3.5.3. An unfeasible route is kept, not used, and a newer sequence number is asked for. */
  #learn(entry: Entry, route: Route, now: Instant): void {
    const { subnet } = entry;
    const isFeasible = this.#sources.isFeasible(subnet, route);
    const isSelected = entry.selected?.peer === route.peer;
    if (!isFeasible && (isSelected || entry.selected === null)) this.#askForSeqno(entry, route, now);
    if (!isFeasible && isSelected && entry.selected?.routerId === route.routerId) return;
    entry.routes.set(route.peer, route);
    this.#wakeBy(instant(route.expires - this.#options.refreshBefore));
    this.#reselect(entry, now);
    this.#answerSearch(entry, now);
  }

  #reselect(entry: Entry, now: Instant): void {
    const before = entry.selected;
    const choice = choose(entry, (peer) => this.#neighbours.get(peer)?.cost, this.#sources, now);
    entry.selected = choice?.route ?? null;
    if (choice === null) {
      if (before !== null) this.#lost(entry, before, now);
      return;
    }
    const { route, metric } = choice;
    const isSameKey = entry.key === keyOfRouter(route.routerId);
    entry.key = keyOfRouter(route.routerId);
    entry.lostAt = null;
    if (before === null || before.peer !== route.peer || !isSameKey) this.#changed(entry, true);
    if (before === null) this.#release(entry, route.peer);
    const told = entry.advertised;
    const isNews = told === null || told.routerId !== route.routerId || Math.abs(told.metric - metric) > significant;
    if (isNews) this.#spread(entry, route, metric, now);
  }

  #lost(entry: Entry, before: Route, now: Instant): void {
    entry.lostAt = now;
    this.#wakeBy(after(now, this.#options.holdFor));
    this.#changed(entry, false);
    if (entry.advertised !== null) {
      entry.advertised = null;
      const retraction = updateFor(entry.subnet, this.#routerId, before.seqno, infinite, this.#options.updateEvery);
      for (const peer of this.#neighbours.keys()) if (peer !== before.peer) this.#send(peer, retraction);
    }
    for (const route of entry.routes.values()) this.#askForSeqno(entry, route, now);
    if (this.#table.isInUse(entry, now)) this.#query(entry.subnet, true, 0, null, now);
  }

  #changed(entry: Entry, reachable: boolean): void {
    this.#effects.push({ kind: 'route-changed', subnet: entry.subnet, key: entry.key, reachable });
  }

  #release(entry: Entry, peer: PeerId): void {
    for (const frame of this.#waiting.take(entry.subnet)) this.#effects.push({ kind: 'release', peer, frame });
    this.#queries.delete(entry.subnet);
  }

  #spread(entry: Entry, route: Route, metric: number, now: Instant): void {
    if (!this.#options.transit) return;
    entry.advertised = { metric, routerId: route.routerId };
    for (const peer of this.#neighbours.keys()) if (peer !== route.peer) this.#announce(peer, entry, route, now);
  }

  /** Tells one neighbour of a selected route; what it may hear bounds what this node may use later. */
  #announce(peer: PeerId, entry: Entry, route: Route, now: Instant): void {
    const metric = route.metric + (this.#neighbours.get(route.peer)?.cost ?? infinite);
    if (metric >= infinite) return;
    this.#sources.announced(entry.subnet, route.routerId, route.seqno, metric, now);
    this.#send(peer, updateFor(entry.subnet, route.routerId, route.seqno, metric, this.#options.updateEvery));
  }

  #announceSelf(peer: PeerId): void {
    this.#send(peer, updateFor(this.#subnet, this.#routerId, this.#seqno, 0, this.#options.updateEvery));
  }

  // Requests ----------------------------------------------------------------------------------------------------------

  #want(subnet: Subnet, now: Instant): void {
    const entry = this.#table.get(subnet);
    if (entry !== undefined) entry.usedAt = now;
    if (entry?.selected === undefined || entry.selected === null) this.#query(subnet, true, 0, null, now);
  }

  /** Asks all neighbours but one, once in 15 s. */
  #query(subnet: Subnet, isOurs: boolean, generation: number, except: PeerId | null, now: Instant): void {
    if (subnet === this.#subnet || this.#queries.get(subnet, now) !== undefined) return;
    this.#queries.set(subnet, isOurs, after(now, this.#options.queryFor));
    this.#wakeBy(after(now, this.#options.queryFor));
    for (const peer of this.#neighbours.keys()) {
      if (peer !== except) this.#send(peer, routeRequestFor(subnet, generation));
    }
  }

  #routeRequest(peer: PeerId, request: RouteRequest, now: Instant): void {
    if (request.addressEncoding === 0 && request.prefixLength === 0) return this.#tableRequest(peer, now);
    if (!isSubnetOf(request)) return this.#drop('dropped_request_not_a_subnet');
    const subnet = request.prefix as Subnet;
    if (subnet === this.#subnet) return this.#announceSelf(peer);
    if (!this.#options.transit) return;
    const entry = this.#table.get(subnet);
    const route = entry?.selected ?? null;
    if (entry !== undefined && route !== null && route.peer !== peer) return this.#announce(peer, entry, route, now);
    if (request.generation >= lastGeneration) return this.#drop('dropped_request_generation');
    this.#query(subnet, false, request.generation + 1, peer, now);
  }

  #tableRequest(peer: PeerId, now: Instant): void {
    const neighbour = this.#neighbours.get(peer);
    if (neighbour === undefined || now < neighbour.nextTableAt) return this.#drop('dropped_table_requests');
    neighbour.nextTableAt = after(now, tableEvery);
    if (this.#options.transit) {
      for (const entry of this.#table.entries()) {
        const route = entry.selected;
        if (route !== null && route.peer !== peer) this.#announce(peer, entry, route, now);
      }
    }
    this.#announceSelf(peer);
  }

  #seqnoRequest(peer: PeerId, request: SeqnoRequest, now: Instant): void {
    if (!isSubnetOf(request)) return this.#drop('dropped_request_not_a_subnet');
    const subnet = request.prefix as Subnet;
    if (subnet === this.#subnet) return this.#ownSeqnoRequest(peer, request, now);
    const entry = this.#table.get(subnet);
    if (entry === undefined || !this.#options.transit) return;
    const route = entry.selected;
    const isAnswer = route !== null && (route.routerId !== request.routerId || !isNewer(request.seqno, route.seqno));
    if (isAnswer && route.peer !== peer) return this.#announce(peer, entry, route, now);
    if (request.hopCount < 2) return this.#drop('dropped_request_hop_count');
    this.#forwardSearch(peer, entry, request, now);
  }

  #ownSeqnoRequest(peer: PeerId, request: SeqnoRequest, now: Instant): void {
    const isOurs = request.routerId === this.#routerId;
    if (!isOurs || !isNewer(request.seqno, this.#seqno)) return this.#announceSelf(peer);
    if (now < after(this.#bumpedAt, this.#options.seqnoBumpEvery)) return this.#drop('dropped_seqno_bump');
    this.#bumpedAt = now;
    this.#seqno = (this.#seqno + 1) & 0xffff;
    for (const neighbour of this.#neighbours.keys()) this.#announceSelf(neighbour);
  }

  /** Toward the origin: to the next hop, or if that is the asker or there is none, to another that knows the subnet. */
  #forwardSearch(asker: PeerId, entry: Entry, request: SeqnoRequest, now: Instant): void {
    const key = `${entry.subnet}${request.routerId}${request.seqno}`;
    const search = this.#searches.get(key, now);
    if (search !== undefined) {
      search.askers.add(asker);
      return this.#drop('dropped_seqno_request_repeated');
    }
    const selected = entry.selected !== null && entry.selected.peer !== asker ? entry.selected.peer : null;
    const toward = selected ?? [...entry.routes.keys()].find((peer) => peer !== asker) ?? null;
    if (toward === null) return;
    const expires = after(now, this.#options.seqnoForwardEvery);
    this.#searches.set(key, { seqno: request.seqno, askers: new Set([asker]) }, expires);
    this.#wakeBy(expires);
    this.#send(toward, { ...request, hopCount: request.hopCount - 1 });
  }

  /** A newer sequence number has come: those who asked for one hear of it. */
  #answerSearch(entry: Entry, now: Instant): void {
    const route = entry.selected;
    if (route === null) return;
    const start = entry.subnet + route.routerId;
    for (const [key, search] of this.#searches.entries(now)) {
      if (!key.startsWith(start) || isNewer(search.seqno, route.seqno)) continue;
      this.#searches.delete(key);
      for (const asker of search.askers) {
        if (asker !== route.peer && this.#neighbours.has(asker)) this.#announce(asker, entry, route, now);
      }
    }
  }

  #askForSeqno(entry: Entry, route: Route, now: Instant): void {
    const known = this.#sources.get(entry.subnet, route.routerId);
    if (known === undefined || this.#sources.isFeasible(entry.subnet, route)) return;
    const seqno = (known.seqno + 1) & 0xffff;
    const key = `${entry.subnet}${route.routerId}${seqno}/${route.peer}`;
    if (this.#ownRequests.get(key, now) !== undefined) return;
    const expires = after(now, askAgainAfter);
    this.#ownRequests.set(key, true, expires);
    this.#wakeBy(expires);
    this.#send(route.peer, seqnoRequestFor(entry.subnet, route.routerId, seqno, originHopCount));
  }

  // Time --------------------------------------------------------------------------------------------------------------

  #timer(now: Instant): void {
    if (now >= this.#announceAt) {
      this.#announceAt = after(now, this.#options.updateEvery);
      for (const peer of this.#neighbours.keys()) this.#announceSelf(peer);
    }
    if (now >= this.#sweepAt) this.#sweep(now);
  }

  #sweep(now: Instant): void {
    for (const table of [this.#queries, this.#searches, this.#ownRequests, this.#sources]) table.sweep(now);
    for (const frame of this.#waiting.sweep(now)) this.#effects.push({ kind: 'dropped', frame, why: 'no-route' });
    this.#sweepAt = this.#announceAt;
    for (const entry of this.#table.entries()) this.#sweepEntry(entry, now);
    for (const at of [this.#waiting, this.#queries, this.#searches, this.#ownRequests]) this.#wakeBy(at.deadline());
    this.#sweepAt = instant(Math.max(this.#sweepAt, now + leastSweepMs));
  }

  #sweepEntry(entry: Entry, now: Instant): void {
    for (const route of entry.routes.values()) {
      if (route.expires <= now) entry.routes.delete(route.peer);
      else this.#refresh(entry, route, now);
    }
    if (entry.selected !== null && !entry.routes.has(entry.selected.peer)) this.#reselect(entry, now);
    if (entry.routes.size > 0) return;
    const until = after(entry.lostAt ?? now, this.#options.holdFor);
    if (entry.lostAt === null || until <= now) this.#table.remove(entry.subnet);
    else this.#wakeBy(until);
  }

  /** A route in use does not end while its origin is there. */
  #refresh(entry: Entry, route: Route, now: Instant): void {
    const refreshAt = instant(route.expires - this.#options.refreshBefore);
    if (refreshAt > now) return this.#wakeBy(refreshAt);
    this.#wakeBy(route.expires);
    if (route.refreshed || entry.selected !== route || !this.#table.isInUse(entry, now)) return;
    route.refreshed = true;
    this.#send(route.peer, routeRequestFor(entry.subnet, 0));
  }

  #wakeBy(at: Instant): void {
    if (at < this.#sweepAt) this.#sweepAt = at;
  }

  #send(peer: PeerId, packet: Update | RouteRequest | SeqnoRequest): void {
    this.#effects.push({ kind: 'send', peer, packet });
  }

  #drop(reason: string): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
  }
}
