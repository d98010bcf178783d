import type { Duration, Instant, Subnet } from '#kernel';
import { after, instant, seconds } from '#kernel';
import type { Update } from '../wire/control.ts';
import { isGivenUp, waitBarred } from './barred.ts';
import { choose } from './choice.ts';
import { checkUpdate } from './packets.ts';
import { answerSearches, askForSeqno, needSeqno } from './seqnos.ts';
import type { RouterState } from './state.ts';
import { routeFrom } from './table.ts';
import { retract, tell } from './telling.ts';
import {
  type DoubtReason,
  type Entry,
  infinite,
  isNewer,
  keyOfRouter,
  type PeerId,
  type Route,
  type RouterId,
} from './types.ts';

/** A route lives for so many of its announced intervals. */
const lifetimeIntervals = 3.5;

/** An announcement or a retraction has come. RFC 8966 §3.5.3. */
export function learnUpdate(state: RouterState, peer: PeerId, update: Update, now: Instant): void {
  const subnet = update.prefix as Subnet;
  const known = state.table.get(subnet);
  const refusal = checkUpdate(update, state.subnet, known?.key);
  if (refusal !== null) {
    state.dropped.add(`dropped_update_${refusal}`);
    if (refusal === 'own_subnet') defend(state, update, now);
    return;
  }
  if (update.metric === infinite) {
    if (known !== undefined && dropRoute(known, peer)) reselect(state, known, now);
    return;
  }
  const last = known === undefined ? undefined : routeFrom(known, peer);
  const route: Route = {
    peer,
    routerId: update.routerId as RouterId,
    seqno: update.seqno,
    metric: update.metric,
    expires: after(now, lifetimeOf(update, state.options.updateEvery)),
    since: last?.since ?? now,
    refreshed: false,
  };
  const entry = known ?? newEntry(state, subnet, route, now);
  if (entry === null) state.dropped.add('dropped_update_table_full');
  else learnRoute(state, entry, route, now);
}

/** A neighbour that promises to speak less often than nodes do is not believed for longer. */
const lifetimeOf = (update: Update, most: Duration): Duration =>
  seconds(Math.min(update.interval / 100, most / 1000) * lifetimeIntervals);

/** Forgets what a neighbour has announced. False: there was nothing. */
export function dropRoute(entry: Entry, peer: PeerId): boolean {
  const at = entry.routes.findIndex((route) => route.peer === peer);
  if (at === -1) return false;
  entry.routes.splice(at, 1);
  return true;
}

/** Something about the routes of a subnet has changed: selects, and tells whoever must know. */
export function reselect(state: RouterState, entry: Entry, now: Instant): void {
  const before = entry.selected;
  const { chosen, barred, isDoubted } = choose(entry, state.known, now);
  const route = isDoubted && barred !== null && isGivenUp(state, entry, now) ? null : (chosen?.route ?? null);
  if (!isDoubted || barred === null) entry.barredSince = null;
  entry.selected = route;
  if (barred !== null) askForSeqno(state, entry, barred, now);
  if (route !== null) {
    const key = keyOfRouter(route.routerId);
    const isOther = before === null || before.peer !== route.peer || entry.key !== key;
    entry.key = key;
    entry.lostAt = null;
    if (isOther) state.effects.push({ kind: 'route-changed', subnet: entry.subnet, key, reachable: true });
    if (before === null) release(state, entry, route.peer);
  } else if (before !== null) lose(state, entry, now);
  if (entry.routes.length === 0) state.agenda.hasten(entry, after(entry.lostAt ?? now, state.options.holdFor));
  tell(state, entry, now);
  waitBarred(state, entry, now);
}

/**
 * What went to a subnet by a neighbour came to nothing: another that is feasible takes over. If there is none that is not doubted,
 * all neighbours are asked, but not again while it is known.
 */
export function doubt(state: RouterState, subnet: Subnet, peer: PeerId, why: DoubtReason, now: Instant): void {
  const entry = state.table.get(subnet);
  if (entry === undefined || routeFrom(entry, peer) === undefined) return;
  const isKnown = state.doubts.of(subnet, peer, now) !== undefined;
  const made = state.doubts.add(subnet, peer, why, now);
  if (made === null) return;
  state.dropped.add(`routes_doubted_${why}`);
  state.wakeBy(state.doubts.deadline());
  entry.doubtEndsAt = instant(Math.min(entry.doubtEndsAt, made.until));
  state.agenda.hasten(entry, entry.doubtEndsAt);
  reselect(state, entry, now);
  if (!isKnown && entry.selected?.peer === peer) state.ask(subnet, now);
}

/** Nothing is left of a subnet. */
export function forget(state: RouterState, entry: Entry, now: Instant): void {
  retract(state, entry, now);
  state.agenda.remove(entry);
  state.barred.delete(entry);
  state.table.remove(entry);
}

/** Somebody here wants a subnet that has no route: asks who knows it, and for what would make a known way feasible. */
export function seek(state: RouterState, subnet: Subnet, now: Instant): void {
  const entry = state.table.get(subnet);
  if (entry !== undefined) for (const route of entry.routes) askForSeqno(state, entry, route, now);
  state.ask(subnet, now);
}

/** Somebody announces this node's own subnet by its own name with a number that it has never used: it takes a newer one. */
function defend(state: RouterState, update: Update, now: Instant): void {
  if (update.metric === infinite || update.routerId !== state.routerId || !isNewer(update.seqno, state.seqno)) return;
  state.dropped.add('own_subnet_forged');
  needSeqno(state, (update.seqno + 1) & 0xffff, now);
}

/** Null: there is no room for it. */
function newEntry(state: RouterState, subnet: Subnet, route: Route, now: Instant): Entry | null {
  const isAskedFor = state.isAskedFor(subnet, now);
  if (!state.table.hasRoom(route.peer, isAskedFor)) {
    const leaving = isAskedFor ? state.table.evictable(now) : null;
    if (leaving === null) return null;
    state.dropped.add('routes_evicted');
    forget(state, leaving, now);
  }
  return state.table.add(subnet, keyOfRouter(route.routerId), route.peer, isAskedFor);
}

/** An unfeasible route is kept but not used, and a newer sequence number is asked for. */
function learnRoute(state: RouterState, entry: Entry, route: Route, now: Instant): void {
  const isFeasible = state.sources.isFeasible(route, now);
  const isSelected = entry.selected?.peer === route.peer;
  if (!isFeasible && (isSelected || entry.selected === null)) askForSeqno(state, entry, route, now);
  if (!isFeasible && isSelected && entry.selected?.routerId === route.routerId) return;
  const last = routeFrom(entry, route.peer);
  if (last === undefined) entry.routes.push(route);
  else entry.routes[entry.routes.indexOf(last)] = route;
  // A route shorter-lived than the refresh ahead of its end is due now, not before the clock began.
  state.agenda.hasten(entry, instant(Math.max(now, route.expires - state.options.refreshBefore)));
  reselect(state, entry, now);
  answerSearches(state, entry, now);
}

function lose(state: RouterState, entry: Entry, now: Instant): void {
  entry.lostAt = now;
  state.effects.push({ kind: 'route-changed', subnet: entry.subnet, key: entry.key, reachable: false });
  for (const route of entry.routes) askForSeqno(state, entry, route, now);
  if (state.table.isInUse(entry, now)) state.ask(entry.subnet, now);
}

function release(state: RouterState, entry: Entry, peer: PeerId): void {
  for (const frame of state.waiting.take(entry.subnet)) state.effects.push({ kind: 'release', peer, frame });
  state.wanted.delete(entry.subnet);
  state.relayed.delete(entry.subnet);
}
