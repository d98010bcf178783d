import { addressOf, isNodeAddress, subnetOf } from '#crypto';
import type { Duration, PublicKey, Subnet } from '#kernel';
import type { RouteRequest, SeqnoRequest, Update } from '../wire/control.ts';
import { infinite, keyOfRouter, type RouterId } from './types.ts';

const ipv6 = 2;
const subnetBits = 64;

/** Whether a request is for a /64 of a node, the only thing that is announced. */
export function isSubnetOf(request: {
  readonly addressEncoding: number;
  readonly prefixLength: number;
  readonly prefix: string;
}): boolean {
  return request.addressEncoding === ipv6 && request.prefixLength === subnetBits && isNodeAddress(request.prefix);
}

/**
 * Null, or why the update is not for us. WIRE.md §4. A key known to own the subnet is not hashed again. Prefixes longer
 * than /64 are refused, too: no node announces them.
 */
export function checkUpdate(update: Update, own: Subnet, knownKey: PublicKey | undefined): string | null {
  if (!isSubnetOf(update)) return 'not_a_subnet';
  if (update.prefix === own) return 'own_subnet';
  if (update.metric === infinite) return null;
  if (update.interval === 0) return 'no_interval';
  const key = keyOfRouter(update.routerId as RouterId);
  return key === knownKey || subnetOf(addressOf(key)) === update.prefix ? null : 'wrong_key';
}

export function updateFor(subnet: Subnet, routerId: RouterId, seqno: number, metric: number, every: Duration): Update {
  return {
    kind: 'update',
    addressEncoding: ipv6,
    flags: 0,
    prefixLength: subnetBits,
    interval: every / 10,
    seqno,
    metric,
    prefix: subnet,
    routerId,
  };
}

export function routeRequestFor(subnet: Subnet, generation: number): RouteRequest {
  return { kind: 'route-request', generation, addressEncoding: ipv6, prefixLength: subnetBits, prefix: subnet };
}

export function seqnoRequestFor(subnet: Subnet, routerId: RouterId, seqno: number, hopCount: number): SeqnoRequest {
  return {
    kind: 'seqno-request',
    addressEncoding: ipv6,
    prefixLength: subnetBits,
    seqno,
    hopCount,
    routerId,
    prefix: subnet,
  };
}
