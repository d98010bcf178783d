import type { Instant, PublicKey, Subnet } from '#kernel';
import type { Peers } from '../peer/peers.ts';
import type { RouterMachine } from '../router/router.ts';
import { infinite } from '../router/types.ts';
import type { Overlay, RouteStatus } from '../types.ts';

/** Every route that is known, the selected ones and those that would take their place. */
export function routeStatuses(router: RouterMachine, peers: Peers, now: Instant): readonly RouteStatus[] {
  return [...router.routes()].flatMap(({ subnet, selected, routes }) =>
    [...routes.values()].map((route) => {
      const peer = peers.get(route.peer);
      const cost = route.metric + (peer?.cost ?? infinite);
      const doubt = router.doubtOf(subnet, route.peer, now);
      const trust = doubt === undefined ? 'trusted' : 'suspect';
      return {
        subnet,
        publicKey: route.routerId.slice(0, 64) as unknown as PublicKey,
        nextHop: peer?.name ?? 'gone',
        metric: route.metric === infinite ? 'infinite' : route.metric,
        cost: cost >= infinite ? null : cost,
        seqno: route.seqno,
        selected: route === selected,
        expiresInMs: Math.max(0, route.expires - now),
        ageMs: now - route.since,
        standing: router.isFeasible(route, now) ? trust : 'held',
        suspectForMs: doubt === undefined ? null : doubt.until - now,
      };
    }),
  );
}

/** The selected route to a subnet: the link it begins with, and what it costs with that link. */
export function wayTo(
  router: RouterMachine,
  peers: Peers,
  subnet: Subnet,
): { readonly nextHop: string; readonly cost: number } | null {
  for (const { subnet: known, selected } of router.routes()) {
    if (known !== subnet) continue;
    const peer = selected === null ? undefined : peers.get(selected.peer);
    return selected === null || peer === undefined ? null : { nextHop: peer.name, cost: selected.metric + peer.cost };
  }
  return null;
}

/** Subnets that were asked for and have not come. */
export function queriedStatuses(router: RouterMachine, now: Instant): ReturnType<Overlay['queriedSubnets']> {
  return [...router.queries(now)].map(([subnet, expires]) => ({ subnet, expiresInMs: expires - now }));
}
