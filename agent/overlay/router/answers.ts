import type { Instant, Subnet } from '#kernel';
import { after, seconds } from '#kernel';
import type { RouteRequest } from '../wire/control.ts';
import { isSubnetOf } from './packets.ts';
import type { RouterState } from './state.ts';
import { answer } from './telling.ts';
import type { PeerId } from './types.ts';

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
  else if (state.carries) answerForOthers(state, peer, subnet, request.generation, now);
}

function answerForOthers(state: RouterState, peer: PeerId, subnet: Subnet, generation: number, now: Instant): void {
  const entry = state.table.get(subnet);
  const route = entry?.selected ?? null;
  if (entry !== undefined && route !== null && route.peer !== peer) answer(state, peer, entry, route, now);
  else if (generation >= lastGeneration) state.dropped.add('dropped_request_generation');
  else state.relay(subnet, generation + 1, peer, now);
}

function answerTableRequest(state: RouterState, peer: PeerId, now: Instant): void {
  const neighbour = state.neighbours.get(peer);
  if (neighbour === undefined || now < neighbour.nextTableAt) {
    state.dropped.add('dropped_table_requests');
    return;
  }
  neighbour.nextTableAt = after(now, tableEvery);
  if (state.carries) {
    for (const entry of state.table.entries()) {
      if (entry.selected !== null) answer(state, peer, entry, entry.selected, now);
    }
  }
  state.announceSelf(peer);
}
