import type { Instant } from '#kernel';
import { after, instant, never } from '#kernel';
import { updateFor } from './packets.ts';
import type { RouterState } from './state.ts';
import { type Entry, infinite, type PeerId, type Route } from './types.ts';

/** A metric that has moved by more than 10 (WIRE.md §4), and by more than an eighth, is told of. */
const significant = 10;
const significantPart = 1 / 8;

type News = 'none' | 'moved' | 'turned' | 'new' | 'lost';

/**
 * Tells the neighbours what they do not know yet of a subnet: that it is reachable, lost, another's, or has another
 * metric; the next hop never. What is urgent is told at once, unless the route is restless; metrics are gathered, because each
 * hop would pass on the change of every hop behind it. Late news make no loops: what was announced bounds what is used.
 */
export function tell(state: RouterState, entry: Entry, now: Instant): void {
  const metric = metricOf(state, entry);
  const news = newsOf(entry, metric);
  entry.tellAt = never;
  if (!state.carries || news === 'none') return;
  const at = dueOf(state, entry, news);
  if (at > now) {
    entry.tellAt = at;
    state.agenda.hasten(entry, at);
    return;
  }
  if (news !== 'moved') entry.calmAt = after(instant(Math.max(entry.calmAt, now)), state.options.calmAfter);
  const { selected } = entry;
  if (selected === null) retract(state, entry, now);
  else if (news === 'turned') turn(state, entry, selected, now);
  else spread(state, entry, selected, metric, now);
}

/** Tells one neighbour that asked. */
export function answer(state: RouterState, peer: PeerId, entry: Entry, route: Route, now: Instant): void {
  if (route.peer === peer || !mayAnnounce(state, entry, route, now)) return;
  entry.wasAnswered = true;
  announce(state, peer, entry, route);
}

/** Tells all who may have a route through here that there is none. Stock signs a retraction with its own router id. */
export function retract(state: RouterState, entry: Entry, now: Instant): void {
  if (entry.told === null && !entry.wasAnswered) return;
  entry.told = null;
  entry.wasAnswered = false;
  for (const peer of state.neighbours.keys()) withdraw(state, peer, entry);
  if (entry.saidAs !== null) state.sources.retracted(entry.saidAs, now);
}

function newsOf({ selected, told, wasAnswered }: Entry, metric: number): News {
  if (selected === null) return told === null && !wasAnswered ? 'none' : 'lost';
  if (told === null || told.routerId !== selected.routerId) return 'new';
  if (told.except !== selected.peer) return 'turned';
  return Math.abs(told.metric - metric) > Math.max(significant, told.metric * significantPart) ? 'moved' : 'none';
}

function dueOf(state: RouterState, { told, calmAt }: Entry, news: News): Instant {
  const { metricEvery, calmAfter, restlessTimes } = state.options;
  if (news === 'moved') return told === null ? instant(0) : after(told.at, metricEvery);
  return instant(calmAt - calmAfter * restlessTimes);
}

/** Another next hop: it hears that there is no way to it through here any more; the last one hears that there is. */
function turn(state: RouterState, entry: Entry, route: Route, now: Instant): void {
  const { told } = entry;
  if (told === null || !mayAnnounce(state, entry, route, now)) return;
  if (state.neighbours.has(told.except)) announce(state, told.except, entry, route);
  withdraw(state, route.peer, entry);
  entry.told = { ...told, except: route.peer };
}

function spread(state: RouterState, entry: Entry, route: Route, metric: number, now: Instant): void {
  if (!mayAnnounce(state, entry, route, now)) return retract(state, entry, now);
  if (entry.told !== null && entry.told.except !== route.peer) withdraw(state, route.peer, entry);
  entry.told = { metric, routerId: route.routerId, except: route.peer, at: now };
  for (const peer of state.neighbours.keys()) if (peer !== route.peer) announce(state, peer, entry, route);
}

/** What any neighbour may hear bounds what this node may use later. */
function mayAnnounce(state: RouterState, entry: Entry, route: Route, now: Instant): boolean {
  const metric = metricThrough(state, route);
  const { routerId, seqno, peer } = route;
  return metric < infinite && state.sources.announced({ routerId, seqno, metric, peer }, entry.isAskedFor, now);
}

function announce(state: RouterState, peer: PeerId, entry: Entry, route: Route): void {
  const metric = metricThrough(state, route);
  entry.saidAs = route.routerId;
  state.send(peer, updateFor(entry.subnet, route.routerId, route.seqno, metric, state.options.updateEvery));
}

function withdraw(state: RouterState, peer: PeerId, entry: Entry): void {
  state.send(peer, updateFor(entry.subnet, state.routerId, state.seqno, infinite, state.options.updateEvery));
}

const metricOf = (state: RouterState, { selected }: Entry): number =>
  selected === null ? infinite : metricThrough(state, selected);

const metricThrough = (state: RouterState, route: Route): number =>
  route.metric + (state.costOf(route.peer) ?? infinite);
