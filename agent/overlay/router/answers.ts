import type { Instant, Subnet } from '#kernel';
import { after, seconds } from '#kernel';
import type { RouteRequest, SeqnoRequest } from '../wire/control.ts';
import { isSubnetOf } from './packets.ts';
import type { RouterState } from './state.ts';
import { type Entry, isNewer, type PeerId, type RouterId } from './types.ts';

/** A route request of this generation has come far enough. WIRE.md §4. */
const lastGeneration = 15;
/** A neighbour gets the full table at most this often. */
const tableEvery = seconds(15);

/** Answers with an update, or asks the other neighbours on the asker's behalf. */
export function answerRouteRequest(state: RouterState, peer: PeerId, request: RouteRequest, now: Instant): void {
  if (request.addressEncoding === 0 && request.prefixLength === 0) {
    answerTableRequest(state, peer, now);
    return;
  }
  const subnet = request.prefix as Subnet;
  if (!isSubnetOf(request)) state.dropped.add('dropped_request_not_a_subnet');
  else if (subnet === state.subnet) state.announceSelf(peer);
  else if (state.options.transit) answerForOthers(state, peer, subnet, request.generation, now);
}

function answerForOthers(state: RouterState, peer: PeerId, subnet: Subnet, generation: number, now: Instant): void {
  const entry = state.table.get(subnet);
  const route = entry?.selected ?? null;
  if (entry !== undefined && route !== null && route.peer !== peer) state.announce(peer, entry, route, now);
  else if (generation >= lastGeneration) state.dropped.add('dropped_request_generation');
  else state.query(subnet, false, generation + 1, peer, now);
}

function answerTableRequest(state: RouterState, peer: PeerId, now: Instant): void {
  const neighbour = state.neighbours.get(peer);
  if (neighbour === undefined || now < neighbour.nextTableAt) {
    state.dropped.add('dropped_table_requests');
    return;
  }
  neighbour.nextTableAt = after(now, tableEvery);
  if (state.options.transit) {
    for (const entry of state.table.entries()) {
      const route = entry.selected;
      if (route !== null && route.peer !== peer) state.announce(peer, entry, route, now);
    }
  }
  state.announceSelf(peer);
}

/** RFC 8966 §3.8.1.2. */
export function answerSeqnoRequest(state: RouterState, peer: PeerId, request: SeqnoRequest, now: Instant): void {
  const subnet = request.prefix as Subnet;
  if (!isSubnetOf(request)) {
    state.dropped.add('dropped_request_not_a_subnet');
    return;
  }
  if (subnet === state.subnet) {
    answerForSelf(state, peer, request, now);
    return;
  }
  const entry = state.table.get(subnet);
  if (entry === undefined || !state.options.transit) return;
  const route = entry.selected;
  const isAnswer = route !== null && (route.routerId !== request.routerId || !isNewer(request.seqno, route.seqno));
  if (isAnswer && route.peer !== peer) state.announce(peer, entry, route, now);
  else if (request.hopCount < 2) state.dropped.add('dropped_request_hop_count');
  else forward(state, peer, entry, request, now);
}

function answerForSelf(state: RouterState, peer: PeerId, request: SeqnoRequest, now: Instant): void {
  const isWanted = request.routerId === state.routerId && isNewer(request.seqno, state.seqno);
  if (!isWanted) {
    state.announceSelf(peer);
    return;
  }
  if (now < after(state.bumpedAt, state.options.seqnoBumpEvery)) {
    state.dropped.add('dropped_seqno_bump');
    return;
  }
  state.bumpedAt = now;
  state.seqno = (state.seqno + 1) & 0xffff;
  for (const neighbour of state.neighbours.keys()) state.announceSelf(neighbour);
}

/** Toward the origin: to the next hop, or if that is the asker or there is none, to another that knows the subnet. */
function forward(state: RouterState, asker: PeerId, entry: Entry, request: SeqnoRequest, now: Instant): void {
  const key = `${entry.subnet}${request.routerId}${request.seqno}`;
  const search = state.searches.get(key, now);
  if (search !== undefined) {
    search.askers.add(asker);
    state.dropped.add('dropped_seqno_request_repeated');
    return;
  }
  const toward = wayToward(entry, asker);
  if (toward === null) return;
  const { seqno } = request;
  const expires = after(now, state.options.seqnoForwardEvery);
  const routerId = request.routerId as RouterId;
  state.searches.set(key, { subnet: entry.subnet, routerId, seqno, askers: new Set([asker]) }, expires);
  state.wakeBy(expires);
  state.send(toward, { ...request, hopCount: request.hopCount - 1 });
}

function wayToward(entry: Entry, asker: PeerId): PeerId | null {
  if (entry.selected !== null && entry.selected.peer !== asker) return entry.selected.peer;
  for (const peer of entry.routes.keys()) if (peer !== asker) return peer;
  return null;
}
