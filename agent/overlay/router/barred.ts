import type { Instant } from '#kernel';
import { after, instant, never } from '#kernel';
import type { RouterState } from './state.ts';
import type { Entry, PeerId } from './types.ts';

/**
 * Ways to a subnet that may not be used, for what this node itself has announced once: whoever believed that could be on them.
 * Mostly a newer number of the origin helps. Nobody gives one that all take when somebody lies about numbers, so there is another way
 * out: who has nobody left that goes through here is free to take any. That is so when every neighbour has been told that there is
 * no way through here, and has taken it (links keep the order, and a Hello behind it has been answered).
 */
export function waitBarred(state: RouterState, entry: Entry, now: Instant): void {
  if (entry.selected !== null || entry.routes.length === 0) {
    state.barred.delete(entry);
    return;
  }
  state.barred.add(entry);
  askTaken(state, entry);
  const at = freeAt(state, entry);
  if (at > now) state.agenda.hasten(entry, at);
}

/** When time no longer keeps what was announced from being forgotten. */
export function freeAt(state: RouterState, entry: Entry): Instant {
  return instant(Math.min(never, ...entry.routes.map(({ routerId }) => state.sources.freeAt(routerId))));
}

/** A neighbour has taken what it was told. True: so have all, more than before. */
export function taken(state: RouterState, peer: PeerId, retractions: number): boolean {
  const neighbour = state.neighbours.get(peer);
  if (neighbour === undefined) return false;
  neighbour.taken = Math.max(neighbour.taken, retractions);
  return countTaken(state);
}

/** What all neighbours there are have taken; those that left count no more. */
export function countTaken(state: RouterState): boolean {
  const before = state.sources.taken;
  let all = state.sources.retractions;
  for (const neighbour of state.neighbours.values()) all = Math.min(all, neighbour.taken);
  state.sources.taken = all;
  return all > before;
}

/** One question to a neighbour at a time. */
function askTaken(state: RouterState, entry: Entry): void {
  let wanted = 0;
  for (const { routerId } of entry.routes) wanted = Math.max(wanted, state.sources.retractionOf(routerId)?.number ?? 0);
  const { retractions } = state.sources;
  for (const [peer, neighbour] of state.neighbours) {
    if (neighbour.taken >= wanted || neighbour.askedTo > neighbour.taken) continue;
    neighbour.askedTo = retractions;
    state.effects.push({ kind: 'ask-taken', peer, retractions });
  }
}

/** Only doubted ways are left while another is barred: for so long that they are given up for it. */
export function isGivenUp(state: RouterState, entry: Entry, now: Instant): boolean {
  entry.barredSince ??= now;
  const at = after(entry.barredSince, state.options.barredFor);
  if (at <= now) return true;
  state.agenda.hasten(entry, at);
  return false;
}
