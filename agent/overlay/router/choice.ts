import type { Instant } from '#kernel';
import type { SourceTable } from './sources.ts';
import { type Entry, infinite, type PeerId, type Route } from './types.ts';

/** A new route must be this much better than the selected one. WIRE.md §4. */
const hysteresis = 10;

export interface Choice {
  readonly route: Route;
  /** Its metric and the cost of the link to its neighbour. */
  readonly metric: number;
}

export interface Choices {
  readonly chosen: Choice | null;
  /** A route that is worth a newer sequence number: it would be chosen if it were feasible. */
  readonly barred: Route | null;
}

/**
 * The route to use: the lowest metric plus link cost among those that are alive and feasible, but the selected one
 * stays unless another is better by more than 10 or is the destination itself.
 */
export function choose(
  entry: Entry,
  costOf: (peer: PeerId) => number | undefined,
  sources: SourceTable,
  now: Instant,
): Choices {
  let best: Choice | null = null;
  let current: Choice | null = null;
  let barred: Choice | null = null;
  for (const route of entry.routes) {
    const metric = route.metric + (costOf(route.peer) ?? infinite);
    if (metric >= infinite || route.expires <= now) continue;
    const choice = { route, metric };
    if (!sources.isFeasible(route)) {
      if (barred === null || metric < barred.metric) barred = choice;
      continue;
    }
    if (best === null || metric < best.metric) best = choice;
    if (route.peer === entry.selected?.peer) current = choice;
  }
  const chosen = settle(best, current);
  if (barred === null || (chosen !== null && barred.metric + hysteresis >= chosen.metric))
    return { chosen, barred: null };
  return { chosen, barred: barred.route };
}

function settle(best: Choice | null, current: Choice | null): Choice | null {
  if (best === null || current === null || best === current) return best;
  const isDestination = best.route.metric === 0 && current.route.metric > 0;
  return isDestination || best.metric + hysteresis < current.metric ? best : current;
}
