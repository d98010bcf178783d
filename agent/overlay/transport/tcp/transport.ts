import type { Transport } from '../scheme.ts';
import { dialInSteps } from '../staged-link.ts';

/** WIRE.md §4: 10 over IPv6 and 15 over IPv4 (also when IPv4 is written as IPv6). */
export const costOverTcp = (host: string): number => (host.includes(':') && !host.startsWith('::ffff:') ? 10 : 15);

/** Plain TCP over IPv4 or IPv6; names are looked up at every dial. WIRE.md §2. */
export const tcp: Transport = {
  scheme: 'tcp',
  staticCost: costOverTcp,
  dial: ({ net }, to, proxy, events) =>
    proxy === null ? net.dial(to, events) : dialInSteps(net, { to, proxy, key: null }, events),
  accept: ({ clock }, link, events) => {
    clock.soon(() => events.opened());
    return link;
  },
};
