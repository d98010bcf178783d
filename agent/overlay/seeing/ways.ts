import type { Identity } from '#crypto';
import type { Clock } from '#kernel';
import type { Keys } from '../keys.ts';
import type { Peers } from '../peer/peers.ts';
import type { Routing } from '../routing.ts';
import { wayTo } from './route-view.ts';
import type { TraceWays } from './tracer.ts';

/** How a trace gets at the parts of the node. */
export function traceWays(
  clock: Clock,
  identity: Identity,
  keys: Keys,
  routing: Routing,
  peers: () => Peers,
): TraceWays {
  const { router } = routing;
  return {
    want: (subnet) => routing.want(subnet),
    onRoute: (listener) => routing.onRoute(listener),
    own: identity.subnet,
    source: identity.address,
    keyOf: (subnet) => keys.named(subnet) ?? router.keyOf(subnet),
    name: (key) => void keys.name(key),
    sharedWith: (key) => keys.sharedWith(key),
    wayTo: (subnet) => wayTo(router, peers(), subnet),
    send: (subnet, frame) => {
      const hop = router.nextHop(subnet, clock.now());
      return hop !== null && peers().get(hop)?.sendData(frame) === true;
    },
  };
}
