import type { Instant, Machine, PublicKey, Subnet } from '#kernel';
import { after, instant, never, unreachable } from '#kernel';
import type { Update } from '../wire/control.ts';
import type { DataFrame } from '../wire/data.ts';
import { answerRouteRequest } from './answers.ts';
import { countTaken, taken } from './barred.ts';
import type { Doubt } from './doubts.ts';
import { attend } from './expiry.ts';
import { routeRequestFor } from './packets.ts';
import { answerSeqnoRequest, bumpIfDue } from './seqnos.ts';
import { RouterState } from './state.ts';
import { routeFrom } from './table.ts';
import { retract, tell } from './telling.ts';
import {
  type Entry,
  infinite,
  type PeerId,
  type Route,
  type RouterEffect,
  type RouterEvent,
  type RouterId,
  type RouterOptions,
} from './types.ts';
import { doubt, dropRoute, learnUpdate, reselect, seek } from './updates.ts';

/** Sweeps of the smaller tables are at least this far apart, whatever ends when. */
const leastSweepMs = 200;

/**
 * Babel, on demand. WIRE.md §4, RFC 8966.
 *
 * - A route is selected only if it is feasible against everything announced that a neighbour may still go by: so there are no loops.
 * - Routes are asked for when somebody wants them; the answer spreads as an update to all neighbours but the next hop.
 * - What a neighbour can make it do or hold is bounded: updates and requests by rate, tables by count, each with a
 *   counter in `counters`.
 */
export class RouterMachine implements Machine<RouterEvent, RouterEffect> {
  readonly #state: RouterState;
  #announceAt: Instant;

  constructor(subnet: Subnet, routerId: RouterId, options: RouterOptions, now: Instant) {
    this.#state = new RouterState(subnet, routerId, options, now);
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
        if (this.#mayUpdate(event.peer, event.update, now)) learnUpdate(state, event.peer, event.update, now);
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
      case 'doubted':
        doubt(state, event.subnet, event.peer, event.why, now);
        break;
      case 'taken':
        if (taken(state, event.peer, event.retractions)) this.#freed(now);
        break;
      case 'transit':
        this.#setTransit(event.isOpen, now);
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
    return instant(Math.min(this.#announceAt, this.#state.sweepAt, this.#state.agenda.next));
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

  /** What is known of a subnet; looking changes nothing. */
  entryOf(subnet: Subnet): Readonly<Entry> | undefined {
    return this.#state.table.get(subnet);
  }

  /** Whether it may be used without closing a loop. */
  isFeasible(route: Route, now: Instant): boolean {
    return this.#state.sources.isFeasible(route, now);
  }

  doubtOf(subnet: Subnet, peer: PeerId, now: Instant): Doubt | undefined {
    return this.#state.doubts.of(subnet, peer, now);
  }

  routes(): Iterable<Entry> {
    return this.#state.table.entries();
  }

  /** Subnets asked for, and until when the question is remembered. */
  *queries(now: Instant): Iterable<readonly [Subnet, Instant]> {
    const { wanted, relayed } = this.#state;
    for (const [subnet, , expires] of wanted.entries(now)) yield [subnet, expires];
    for (const [subnet, , expires] of relayed.entries(now)) {
      if (wanted.get(subnet, now) === undefined) yield [subnet, expires];
    }
  }

  get seqno(): number {
    return this.#state.seqno;
  }

  get subnet(): Subnet {
    return this.#state.subnet;
  }

  get routerId(): RouterId {
    return this.#state.routerId;
  }

  /** Sizes of the tables and what was refused, by name. */
  counters(): Readonly<Record<string, number>> {
    const { table, sources, waiting, wanted, relayed, searches, ownRequests, doubts, dropped } = this.#state;
    return {
      routes: table.count,
      sources: sources.count,
      sources_refused: sources.refused,
      waiting_packets: waiting.packets,
      waiting_bytes: waiting.bytes,
      queries: wanted.count + relayed.count,
      queries_forgotten: wanted.forgotten + relayed.forgotten,
      seqno_requests: searches.count + ownRequests.count,
      seqno_requests_forgotten: searches.forgotten + ownRequests.forgotten,
      doubts: doubts.count,
      doubts_forgotten: doubts.forgotten,
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

  /** A neighbour may always take back what it has announced: there is no more of that than it was allowed to announce. */
  #mayUpdate(peer: PeerId, update: Update, now: Instant): boolean {
    const entry = update.metric === infinite ? this.#state.table.get(update.prefix as Subnet) : undefined;
    return (entry !== undefined && routeFrom(entry, peer) !== undefined) || this.#may(peer, 'updates', now);
  }

  #peerUp(peer: PeerId, cost: number, now: Instant): void {
    const state = this.#state;
    state.addNeighbour(peer, cost, now);
    state.announceSelf(peer);
    for (const [subnet] of state.wanted.entries(now)) state.send(peer, routeRequestFor(subnet, 0));
  }

  #peerDown(peer: PeerId, now: Instant): void {
    const state = this.#state;
    if (!state.neighbours.delete(peer)) return;
    for (const entry of state.table.entries()) if (dropRoute(entry, peer)) reselect(state, entry, now);
    if (countTaken(state)) this.#freed(now);
  }

  /** What barred some ways may do so no longer. */
  #freed(now: Instant): void {
    for (const entry of [...this.#state.barred]) reselect(this.#state, entry, now);
  }

  #costChanged(peer: PeerId, cost: number, now: Instant): void {
    const state = this.#state;
    const neighbour = state.neighbours.get(peer);
    if (neighbour === undefined) return;
    neighbour.cost = cost;
    for (const entry of state.table.entries()) if (routeFrom(entry, peer) !== undefined) reselect(state, entry, now);
  }

  #want(subnet: Subnet, now: Instant): void {
    const entry = this.#state.table.get(subnet);
    if (entry !== undefined) entry.usedAt = now;
    if (entry === undefined || entry.selected === null) seek(this.#state, subnet, now);
  }

  #hold(subnet: Subnet, frame: DataFrame, now: Instant): void {
    const state = this.#state;
    if (!state.waiting.add(subnet, frame, now)) {
      state.effects.push({ kind: 'dropped', frame, why: 'no-room' });
      return;
    }
    state.wakeBy(after(now, state.options.waitFor));
    seek(state, subnet, now);
  }

  /** Closed: nobody is told of others' subnets, and all are told that what they heard is no longer so. */
  #setTransit(isOpen: boolean, now: Instant): void {
    const state = this.#state;
    if (state.isOpen === isOpen) return;
    if (!isOpen) for (const entry of state.table.entries()) retract(state, entry, now);
    state.isOpen = isOpen;
    if (isOpen) for (const entry of state.table.entries()) tell(state, entry, now);
  }

  #timer(now: Instant): void {
    const state = this.#state;
    if (now >= this.#announceAt) {
      this.#announceAt = after(now, state.options.updateEvery);
      for (const peer of state.neighbours.keys()) state.announceSelf(peer);
      state.sources.sweep(now);
    }
    for (let entry = state.agenda.take(now); entry !== null; entry = state.agenda.take(now)) attend(state, entry, now);
    if (now >= state.sweepAt) this.#sweep(now);
  }

  /** Ends what has had its time in the smaller tables, and finds out when the next thing does. */
  #sweep(now: Instant): void {
    const state = this.#state;
    const tables = [state.wanted, state.relayed, state.searches, state.ownRequests, state.doubts];
    for (const table of tables) table.sweep(now);
    for (const frame of state.waiting.sweep(now)) state.effects.push({ kind: 'dropped', frame, why: 'no-route' });
    state.sweepAt = never;
    for (const table of [...tables, state.waiting]) state.wakeBy(table.deadline());
    state.sweepAt = instant(Math.max(state.sweepAt, now + leastSweepMs));
    bumpIfDue(state, now);
  }
}
