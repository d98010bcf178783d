import { assert } from '#kernel';
import type { Ground, Transport } from '../scheme.ts';
import { dialInSteps } from '../staged-link.ts';
import { costOverTcp } from '../tcp/transport.ts';

/** TCP within a private network: TLS 1.3 with the network's key. WIRE.md §2. */
export const tls: Transport = {
  scheme: 'tls',
  staticCost: costOverTcp,
  dial: (ground, to, proxy, events) => dialInSteps(ground.net, { to, proxy, key: keyOf(ground) }, events),
  accept: (ground, link, events) => ground.net.secure(link, 'accepted', keyOf(ground), events),
};

function keyOf({ network }: Ground) {
  assert(network !== null, 'tls:// without a private network');
  return network;
}
