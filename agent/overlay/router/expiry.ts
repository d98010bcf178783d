import type { Instant } from '#kernel';
import { after, instant, never } from '#kernel';
import { freeAt } from './barred.ts';
import { routeRequestFor } from './packets.ts';
import type { RouterState } from './state.ts';
import { tell } from './telling.ts';
import type { Entry, Route } from './types.ts';
import { forget, reselect } from './updates.ts';

/** Ends what has had its time, refreshes what is used, tells what was put off; and plans when to look again. */
export function attend(state: RouterState, entry: Entry, now: Instant): void {
  const alive = entry.routes.filter(({ expires }) => expires > now);
  if (alive.length < entry.routes.length) {
    entry.routes.splice(0, entry.routes.length, ...alive);
    reselect(state, entry, now);
  }
  if (entry.doubtEndsAt <= now) {
    entry.doubtEndsAt = nextEnd(state, entry, now);
    reselect(state, entry, now);
  }
  if (isToBeTried(state, entry, now)) reselect(state, entry, now);
  if (entry.routes.length === 0 && after(entry.lostAt ?? instant(0), state.options.holdFor) <= now) {
    forget(state, entry, now);
    return;
  }
  if (entry.tellAt <= now) tell(state, entry, now);
  for (const route of entry.routes) refresh(state, entry, route, now);
  state.agenda.set(entry, nextOf(state, entry, now));
}

/** What barred all its ways does so no longer, or they have been barred for long enough. */
function isToBeTried(state: RouterState, entry: Entry, now: Instant): boolean {
  const { barredSince, routes, selected } = entry;
  if (barredSince !== null) return after(barredSince, state.options.barredFor) <= now;
  return selected === null && routes.length > 0 && freeAt(state, entry) <= now;
}

/** When there may be another way than now. */
const barredUntil = (state: RouterState, entry: Entry): readonly Instant[] => [
  entry.selected === null ? freeAt(state, entry) : never,
  entry.barredSince === null ? never : after(entry.barredSince, state.options.barredFor),
];

/** A route in use does not end while its origin is there: it is asked for again before its end. */
function refresh(state: RouterState, entry: Entry, route: Route, now: Instant): void {
  if (route.expires - state.options.refreshBefore > now || route.refreshed || entry.selected !== route) return;
  if (!state.table.isInUse(entry, now)) return;
  route.refreshed = true;
  state.send(route.peer, routeRequestFor(entry.subnet, 0));
}

function nextEnd(state: RouterState, { subnet, routes }: Entry, now: Instant): Instant {
  return instant(Math.min(never, ...routes.map(({ peer }) => state.doubts.of(subnet, peer, now)?.until ?? never)));
}

function nextOf(state: RouterState, entry: Entry, now: Instant): Instant {
  let next: number = Math.min(entry.tellAt, entry.doubtEndsAt);
  for (const { expires } of entry.routes) {
    const refreshAt = expires - state.options.refreshBefore;
    next = Math.min(next, refreshAt > now ? refreshAt : expires);
  }
  for (const at of barredUntil(state, entry)) if (at > now) next = Math.min(next, at);
  if (entry.routes.length === 0) next = Math.min(next, after(entry.lostAt ?? now, state.options.holdFor));
  return instant(next);
}
