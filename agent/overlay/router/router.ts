import type { Instant, Machine, PublicKey, Subnet } from '#kernel';
import { after, instant, unreachable } from '#kernel';
import type { DataFrame } from '../wire/data.ts';
import { answerRouteRequest, answerSeqnoRequest } from './answers.ts';
import { routeRequestFor } from './packets.ts';
import { RouterState } from './state.ts';
import type { Entry, PeerId, Route, RouterEffect, RouterEvent, RouterId, RouterOptions } from './types.ts';
import { learnUpdate, reselect } from './updates.ts';

/** Sweeps are at least this far apart, whatever ends when. */
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
  readonly #state: RouterState;
  #announceAt: Instant;

  constructor(subnet: Subnet, routerId: RouterId, options: RouterOptions, now: Instant) {
    this.#state = new RouterState(subnet, routerId, options);
    this.#announceAt = after(now, options.updateEvery);
  }

  step(event: RouterEvent, now: Instant): readonly RouterEffect[] {
    const state = this.#state;
    state.effects = [];
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
        if (this.#may(event.peer, 'updates', now)) learnUpdate(state, event.peer, event.update, now);
        break;
      case 'route-request':
        if (this.#may(event.peer, 'requests', now)) answerRouteRequest(state, event.peer, event.request, now);
        break;
      case 'seqno-request':
        if (this.#may(event.peer, 'requests', now)) answerSeqnoRequest(state, event.peer, event.request, now);
        break;
      case 'wanted':
        this.#want(event.subnet, now);
        break;
      case 'hold':
        this.#hold(event.subnet, event.frame, now);
        break;
      case 'timer':
        this.#timer(now);
        break;
      default:
        return unreachable(event);
    }
    return state.effects;
  }

  deadline(): Instant {
    return instant(Math.min(this.#announceAt, this.#state.sweepAt));
  }

  /** The neighbour to send to, if there is a route now. Marks the route as used. */
  nextHop(subnet: Subnet, now: Instant): PeerId | null {
    const entry = this.#state.table.get(subnet);
    if (entry === undefined || entry.selected === null) return null;
    entry.usedAt = now;
    return entry.selected.peer;
  }

  /** True when the subnet was reachable a few seconds ago and is not now. */
  wasLost(subnet: Subnet, now: Instant): boolean {
    const lostAt = this.#state.table.get(subnet)?.lostAt ?? null;
    return lostAt !== null && now < after(lostAt, this.#state.options.holdFor);
  }

  keyOf(subnet: Subnet): PublicKey | undefined {
    return this.#state.table.get(subnet)?.key;
  }

  routes(): Iterable<Entry> {
    return this.#state.table.entries();
  }

  /** Subnets asked for, and until when the question is remembered. */
  *queries(now: Instant): Iterable<readonly [Subnet, Instant]> {
    for (const [subnet, , expires] of this.#state.queries.entries(now)) yield [subnet, expires];
  }

  get seqno(): number {
    return this.#state.seqno;
  }

  /** Sizes of the tables and what was refused, by name. */
  counters(): Readonly<Record<string, number>> {
    const { table, sources, waiting, queries, searches, ownRequests, dropped } = this.#state;
    return {
      routes: table.count,
      sources: sources.count,
      sources_forgotten: sources.forgotten,
      waiting_packets: waiting.packets,
      waiting_bytes: waiting.bytes,
      queries: queries.count,
      queries_forgotten: queries.forgotten,
      seqno_requests: searches.count + ownRequests.count,
      seqno_requests_forgotten: searches.forgotten + ownRequests.forgotten,
      ...dropped.all(),
    };
  }

  #may(peer: PeerId, kind: 'updates' | 'requests', now: Instant): boolean {
    const neighbour = this.#state.neighbours.get(peer);
    if (neighbour === undefined) return false;
    if (neighbour[kind].take(now)) return true;
    this.#state.dropped.add(`dropped_${kind}_rate`);
    return false;
  }

  #peerUp(peer: PeerId, cost: number, now: Instant): void {
    const state = this.#state;
    state.addNeighbour(peer, cost, now);
    state.announceSelf(peer);
    for (const [subnet, isOurs] of state.queries.entries(now)) {
      if (isOurs) state.send(peer, routeRequestFor(subnet, 0));
    }
  }

  #peerDown(peer: PeerId, now: Instant): void {
    const state = this.#state;
    if (!state.neighbours.delete(peer)) return;
    for (const entry of state.table.entries()) if (entry.routes.delete(peer)) reselect(state, entry, now);
  }

  #costChanged(peer: PeerId, cost: number, now: Instant): void {
    const state = this.#state;
    const neighbour = state.neighbours.get(peer);
    if (neighbour === undefined) return;
    neighbour.cost = cost;
    for (const entry of state.table.entries()) if (entry.routes.has(peer)) reselect(state, entry, now);
  }

  #want(subnet: Subnet, now: Instant): void {
    const entry = this.#state.table.get(subnet);
    if (entry !== undefined) entry.usedAt = now;
    if (entry === undefined || entry.selected === null) this.#state.query(subnet, true, 0, null, now);
  }

  #hold(subnet: Subnet, frame: DataFrame, now: Instant): void {
    const state = this.#state;
    if (!state.waiting.add(subnet, frame, now)) {
      state.effects.push({ kind: 'dropped', frame, why: 'no-room' });
      return;
    }
    state.wakeBy(after(now, state.options.waitFor));
    state.query(subnet, true, 0, null, now);
  }

  #timer(now: Instant): void {
    const state = this.#state;
    if (now >= this.#announceAt) {
      this.#announceAt = after(now, state.options.updateEvery);
      for (const peer of state.neighbours.keys()) state.announceSelf(peer);
    }
    if (now >= state.sweepAt) this.#sweep(now);
  }

  /** Ends what has had its time, and finds out when the next thing does. */
  #sweep(now: Instant): void {
    const state = this.#state;
    for (const table of [state.queries, state.searches, state.ownRequests, state.sources]) table.sweep(now);
    for (const frame of state.waiting.sweep(now)) state.effects.push({ kind: 'dropped', frame, why: 'no-route' });
    state.sweepAt = this.#announceAt;
    for (const entry of state.table.entries()) this.#sweepEntry(entry, now);
    for (const each of [state.waiting, state.queries, state.searches, state.ownRequests]) state.wakeBy(each.deadline());
    state.sweepAt = instant(Math.max(state.sweepAt, now + leastSweepMs));
  }

  #sweepEntry(entry: Entry, now: Instant): void {
    const state = this.#state;
    for (const route of entry.routes.values()) {
      if (route.expires <= now) entry.routes.delete(route.peer);
      else this.#refresh(entry, route, now);
    }
    if (entry.selected !== null && !entry.routes.has(entry.selected.peer)) reselect(state, entry, now);
    if (entry.routes.size > 0) return;
    const until = after(entry.lostAt ?? now, state.options.holdFor);
    if (entry.lostAt === null || until <= now) state.table.remove(entry.subnet);
    else state.wakeBy(until);
  }

  /** A route in use does not end while its origin is there: it is asked for again before its end. */
  #refresh(entry: Entry, route: Route, now: Instant): void {
    const state = this.#state;
    const refreshAt = instant(route.expires - state.options.refreshBefore);
    if (refreshAt > now) {
      state.wakeBy(refreshAt);
      return;
    }
    state.wakeBy(route.expires);
    if (route.refreshed || entry.selected !== route || !state.table.isInUse(entry, now)) return;
    route.refreshed = true;
    state.send(route.peer, routeRequestFor(entry.subnet, 0));
  }
}
