import type { Instant, Subnet } from '#kernel';
import { after, instant, seconds } from '#kernel';
import type { Update } from '../wire/control.ts';
import { checkUpdate, seqnoRequestFor, updateFor } from './packets.ts';
import type { RouterState } from './state.ts';
import { choose } from './table.ts';
import { type Entry, infinite, isNewer, keyOfRouter, type PeerId, type Route, type RouterId } from './types.ts';

/** Change of a metric that the neighbours are told of at once. WIRE.md §4. */
const significant = 10;
/** A route lives for so many of its announced intervals. */
const lifetimeIntervals = 3.5;
const originHopCount = 64;
/** An own seqno request is repeated no sooner than this. */
const askAgainAfter = seconds(10);

/** An announcement or a retraction has come. RFC 8966 §3.5.3. */
export function learnUpdate(state: RouterState, peer: PeerId, update: Update, now: Instant): void {
  const subnet = update.prefix as Subnet;
  const known = state.table.get(subnet);
  const refusal = checkUpdate(update, state.subnet, known?.key);
  if (refusal !== null) {
    state.dropped.add(`dropped_update_${refusal}`);
    return;
  }
  if (update.metric === infinite) {
    if (known?.routes.delete(peer)) reselect(state, known, now);
    return;
  }
  const route: Route = {
    peer,
    routerId: update.routerId as RouterId,
    seqno: update.seqno,
    metric: update.metric,
    expires: after(now, seconds((update.interval / 100) * lifetimeIntervals)),
    refreshed: false,
  };
  const isAskedFor = state.queries.get(subnet, now) !== undefined;
  const entry = state.table.ensure(subnet, keyOfRouter(route.routerId), isAskedFor, now);
  if (entry === null) state.dropped.add('dropped_update_table_full');
  else learnRoute(state, entry, route, now);
}

/** An unfeasible route is kept but not used, and a newer sequence number is asked for. */
function learnRoute(state: RouterState, entry: Entry, route: Route, now: Instant): void {
  const isFeasible = state.sources.isFeasible(entry.subnet, route);
  const isSelected = entry.selected?.peer === route.peer;
  if (!isFeasible && (isSelected || entry.selected === null)) askForSeqno(state, entry, route, now);
  if (!isFeasible && isSelected && entry.selected?.routerId === route.routerId) return;
  entry.routes.set(route.peer, route);
  state.wakeBy(instant(route.expires - state.options.refreshBefore));
  reselect(state, entry, now);
  answerSearches(state, entry, now);
}

/** Something about the routes of a subnet has changed: selects, and tells whoever must know. */
export function reselect(state: RouterState, entry: Entry, now: Instant): void {
  const before = entry.selected;
  const choice = choose(entry, (peer) => state.costOf(peer), state.sources, now);
  entry.selected = choice?.route ?? null;
  if (choice === null) {
    if (before !== null) lose(state, entry, before, now);
    return;
  }
  const { route, metric } = choice;
  const key = keyOfRouter(route.routerId);
  const isOther = before === null || before.peer !== route.peer || entry.key !== key;
  entry.key = key;
  entry.lostAt = null;
  if (isOther) state.effects.push({ kind: 'route-changed', subnet: entry.subnet, key, reachable: true });
  if (before === null) release(state, entry, route.peer);
  const told = entry.advertised;
  const isNews = told === null || told.routerId !== route.routerId || Math.abs(told.metric - metric) > significant;
  if (isNews && state.options.transit) spread(state, entry, route, metric, now);
}

function lose(state: RouterState, entry: Entry, before: Route, now: Instant): void {
  entry.lostAt = now;
  state.wakeBy(after(now, state.options.holdFor));
  state.effects.push({ kind: 'route-changed', subnet: entry.subnet, key: entry.key, reachable: false });
  if (entry.advertised !== null) retract(state, entry, before);
  for (const route of entry.routes.values()) askForSeqno(state, entry, route, now);
  if (state.table.isInUse(entry, now)) state.query(entry.subnet, true, 0, null, now);
}

/** Stock signs a retraction with its own router id. */
function retract(state: RouterState, entry: Entry, before: Route): void {
  entry.advertised = null;
  const retraction = updateFor(entry.subnet, state.routerId, before.seqno, infinite, state.options.updateEvery);
  for (const peer of state.neighbours.keys()) if (peer !== before.peer) state.send(peer, retraction);
}

function release(state: RouterState, entry: Entry, peer: PeerId): void {
  for (const frame of state.waiting.take(entry.subnet)) state.effects.push({ kind: 'release', peer, frame });
  state.queries.delete(entry.subnet);
}

function spread(state: RouterState, entry: Entry, route: Route, metric: number, now: Instant): void {
  entry.advertised = { metric, routerId: route.routerId };
  for (const peer of state.neighbours.keys()) if (peer !== route.peer) state.announce(peer, entry, route, now);
}

/** A newer sequence number has come: those who asked for one hear of it. */
function answerSearches(state: RouterState, entry: Entry, now: Instant): void {
  const route = entry.selected;
  if (route === null) return;
  for (const [key, search] of state.searches.entries(now)) {
    const isMet = search.subnet === entry.subnet && search.routerId === route.routerId;
    if (!isMet || isNewer(search.seqno, route.seqno)) continue;
    state.searches.delete(key);
    for (const asker of search.askers) {
      if (asker !== route.peer && state.neighbours.has(asker)) state.announce(asker, entry, route, now);
    }
  }
}

/** Asks the neighbour of an unfeasible route for a newer sequence number, which would make it feasible. */
function askForSeqno(state: RouterState, entry: Entry, route: Route, now: Instant): void {
  const known = state.sources.get(entry.subnet, route.routerId);
  if (known === undefined || state.sources.isFeasible(entry.subnet, route)) return;
  const seqno = (known.seqno + 1) & 0xffff;
  const key = `${entry.subnet}${route.routerId}${seqno}/${route.peer}`;
  if (state.ownRequests.get(key, now) !== undefined) return;
  const expires = after(now, askAgainAfter);
  state.ownRequests.set(key, true, expires);
  state.wakeBy(expires);
  state.send(route.peer, seqnoRequestFor(entry.subnet, route.routerId, seqno, originHopCount));
}
