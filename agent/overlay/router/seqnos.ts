import type { Instant, Subnet } from '#kernel';
import { after, seconds } from '#kernel';
import type { SeqnoRequest } from '../wire/control.ts';
import { isSubnetOf, seqnoRequestFor } from './packets.ts';
import type { RouterState } from './state.ts';
import { answer } from './telling.ts';
import { type Entry, isNewer, type PeerId, type Route, type RouterId } from './types.ts';

const originHopCount = 64;
/** An own seqno request is repeated no sooner than this. */
const askAgainAfter = seconds(10);

/** RFC 8966 §3.8.1.2. */
export function answerSeqnoRequest(state: RouterState, peer: PeerId, request: SeqnoRequest, now: Instant): void {
  const subnet = request.prefix as Subnet;
  if (!isSubnetOf(request)) {
    state.dropped.add('dropped_request_not_a_subnet');
    return;
  }
  if (subnet === state.subnet) {
    if (request.routerId === state.routerId && isNewer(request.seqno, state.seqno))
      needSeqno(state, request.seqno, now);
    else state.announceSelf(peer);
    return;
  }
  const entry = state.table.get(subnet);
  if (entry === undefined || !state.carries) return;
  const route = entry.selected;
  const isAnswer = route !== null && (route.routerId !== request.routerId || !isNewer(request.seqno, route.seqno));
  if (isAnswer && route.peer !== peer) answer(state, peer, entry, route, now);
  else if (request.hopCount < 2) state.dropped.add('dropped_request_hop_count');
  else forward(state, peer, entry, request, now);
}

/**
 * Somebody needs this sequence number of this node: it is taken as it is, at most once in 4 s. RFC 8966 would add one at
 * a time; but whoever has once announced this node's subnet with a number far ahead would then have locked it out for
 * half an hour, and asking for a number costs the network no more than asking for the next.
 */
export function needSeqno(state: RouterState, seqno: number, now: Instant): void {
  const { wantedSeqno } = state;
  state.wantedSeqno = wantedSeqno === null || isNewer(seqno, wantedSeqno) ? seqno : wantedSeqno;
  bumpIfDue(state, now);
}

/** Takes the number that is needed, if the last one is 4 s old. */
export function bumpIfDue(state: RouterState, now: Instant): void {
  const { wantedSeqno } = state;
  if (wantedSeqno === null) return;
  const at = after(state.bumpedAt, state.options.seqnoBumpEvery);
  if (now < at) return state.wakeBy(at);
  state.wantedSeqno = null;
  if (!isNewer(wantedSeqno, state.seqno)) return;
  state.bumpedAt = now;
  state.seqno = wantedSeqno;
  for (const neighbour of state.neighbours.keys()) state.announceSelf(neighbour);
}

/**
 * Passes it on, again once the origin may answer again: stock does so only after 60 s, for which a request that got lost
 * with its link leaves a hole. Toward the origin: to the next hop, or if that is the asker or there is none, to another
 * that knows the subnet.
 */
function forward(state: RouterState, asker: PeerId, entry: Entry, request: SeqnoRequest, now: Instant): void {
  const toward = wayToward(entry, asker);
  if (toward === null) return;
  const routerId = request.routerId as RouterId;
  const known = state.searches.get(routerId, now);
  const isKnown = known !== undefined && !isNewer(request.seqno, known.seqno);
  if (isKnown) known.askers.add(asker);
  if (isKnown && known.toward === toward && now < after(known.sentAt, state.options.seqnoBumpEvery)) {
    state.dropped.add('dropped_seqno_request_repeated');
    return;
  }
  const expires = after(now, state.options.seqnoForwardEvery);
  const askers = known?.askers ?? new Set();
  state.searches.set(routerId, { seqno: request.seqno, toward, sentAt: now, askers: askers.add(asker) }, expires);
  state.wakeBy(expires);
  state.send(toward, { ...request, hopCount: request.hopCount - 1 });
}

function wayToward(entry: Entry, asker: PeerId): PeerId | null {
  if (entry.selected !== null && entry.selected.peer !== asker) return entry.selected.peer;
  for (const { peer } of entry.routes) if (peer !== asker) return peer;
  return null;
}

/** A newer sequence number has come: those who asked for one hear of it. */
export function answerSearches(state: RouterState, entry: Entry, now: Instant): void {
  const route = entry.selected;
  const search = route === null ? undefined : state.searches.get(route.routerId, now);
  if (route === null || search === undefined || isNewer(search.seqno, route.seqno)) return;
  state.searches.delete(route.routerId);
  if (!state.carries) return;
  for (const asker of search.askers) if (state.neighbours.has(asker)) answer(state, asker, entry, route, now);
}

/** Asks the neighbour of an unfeasible route for a newer sequence number, which would make it feasible. */
export function askForSeqno(state: RouterState, entry: Entry, route: Route, now: Instant): void {
  const known = state.sources.get(route.routerId);
  if (known === undefined || state.sources.isFeasible(route, now)) return;
  if (!state.sources.isWithinReach(route)) return;
  const seqno = (known.seqno + 1) & 0xffff;
  const key = `${route.peer} ${route.routerId}`;
  if (state.ownRequests.get(key, now) === seqno) return;
  const expires = after(now, askAgainAfter);
  state.ownRequests.set(key, seqno, expires);
  state.wakeBy(expires);
  state.send(route.peer, seqnoRequestFor(entry.subnet, route.routerId, seqno, originHopCount));
}
