import type { Instant } from '#kernel';
import type { Doubt, Doubts } from './doubts.ts';
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
  /** No way that may be used is free of doubt, and the one that is barred is. */
  readonly isDoubted: boolean;
}

export interface Known {
  readonly costOf: (peer: PeerId) => number | undefined;
  readonly sources: SourceTable;
  readonly doubts: Doubts;
}

/** What was found among the routes, each the best of its kind. */
interface Found {
  best: Choice | null;
  current: Choice | null;
  /** Feasible but doubted: the one of the oldest doubt, so that while all are doubted each has its turn. */
  doubted: (Choice & { readonly doubt: Doubt }) | null;
  barred: Choice | null;
  barredAndDoubted: Choice | null;
}

/**
 * The route to use: the lowest metric plus link cost among those that are alive, feasible and not doubted, but the selected
 * one stays unless another is better by more than 10 or is the destination itself. A doubted one only if there is no other:
 * doubt weighs less than feasibility, which is what keeps loops out.
 */
export function choose(entry: Entry, known: Known, now: Instant): Choices {
  const found: Found = { best: null, current: null, doubted: null, barred: null, barredAndDoubted: null };
  for (const route of entry.routes) {
    const metric = route.metric + (known.costOf(route.peer) ?? infinite);
    if (metric >= infinite || route.expires <= now) continue;
    sort(found, { route, metric }, entry, known, now);
  }
  const trusted = settle(found.best, found.current);
  const chosen = trusted ?? found.doubted;
  const isDoubted = trusted === null && found.doubted !== null && found.barred !== null;
  const barred = trusted === null ? (found.barred ?? found.barredAndDoubted) : found.barred;
  const isWorse = barred === null || (trusted !== null && barred.metric + hysteresis >= trusted.metric);
  return { chosen, barred: isWorse ? null : barred.route, isDoubted };
}

function sort(found: Found, choice: Choice, entry: Entry, { sources, doubts }: Known, now: Instant): void {
  const { route } = choice;
  const doubt = doubts.of(entry.subnet, route.peer, now);
  if (!sources.isFeasible(route, now)) {
    if (doubt === undefined) found.barred = better(choice, found.barred);
    else found.barredAndDoubted = better(choice, found.barredAndDoubted);
  } else if (doubt !== undefined) {
    if (found.doubted === null || doubt.at < found.doubted.doubt.at) found.doubted = { ...choice, doubt };
  } else {
    found.best = better(choice, found.best);
    if (route.peer === entry.selected?.peer) found.current = choice;
  }
}

const better = (choice: Choice, than: Choice | null): Choice =>
  than === null || choice.metric < than.metric ? choice : than;

function settle(best: Choice | null, current: Choice | null): Choice | null {
  if (best === null || current === null || best === current) return best;
  const isDestination = best.route.metric === 0 && current.route.metric > 0;
  return isDestination || best.metric + hysteresis < current.metric ? best : current;
}
