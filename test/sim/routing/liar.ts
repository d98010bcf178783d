import type { Subnet } from '#kernel';
import type { Control } from '../../../agent/overlay/wire/control.ts';
import type { Fleet } from './fleet.ts';
import type { Forger, RoutingNode } from './node.ts';

const lieEveryMs = 5_000;

/**
 * A node that says it were its victim: it announces the victim's /64 with the victim's router id and metric 0 (the wire has
 * nothing to prove it wrong by), each time with a sequence number so far ahead of the victim's own (null: any), and swallows what comes
 * for the victim. It does everything else as it should.
 */
export class Liar implements Forger {
  readonly #fleet: Fleet;
  readonly #node: RoutingNode;
  readonly #victim: RoutingNode;
  readonly #aheadBy: number | null;
  #isLying = true;

  constructor(fleet: Fleet, node: RoutingNode, victim: RoutingNode, aheadBy: number | null) {
    this.#fleet = fleet;
    this.#node = node;
    this.#victim = victim;
    this.#aheadBy = aheadBy;
    node.forger = this;
    this.#lie();
  }

  stop(): void {
    this.#isLying = false;
    this.#node.forger = null;
  }

  forge(_: RoutingNode, packet: Control): Control {
    return packet.kind === 'update' && packet.prefix === this.#victim.subnet ? this.#claim() : packet;
  }

  swallows(subnet: Subnet): boolean {
    return subnet === this.#victim.subnet;
  }

  #claim(): Control {
    const { subnet, router } = this.#victim;
    const seqno = (router.seqno + (this.#aheadBy ?? this.#fleet.chance.between(0, 0xffff))) & 0xffff;
    const routerId = router.routerId;
    return {
      kind: 'update',
      addressEncoding: 2,
      flags: 0,
      prefixLength: 64,
      interval: 30_000,
      seqno,
      metric: 0,
      prefix: subnet,
      routerId,
    };
  }

  #lie(): void {
    if (!this.#isLying || !this.#node.isAlive) return;
    for (const end of this.#node.ends.values()) end.send(this.#claim());
    this.#fleet.timeline.in(lieEveryMs, () => this.#lie());
  }
}

/** Lowest sums of link costs to a node, as the routers count them, not through `without`. */
export function costsTo(to: RoutingNode, without: RoutingNode | null): Map<RoutingNode, number> {
  const costs = new Map([[to, 0]]);
  const waiting = new Set([to]);
  for (const node of waiting) {
    waiting.delete(node);
    for (const { other } of node.ends.values()) {
      if (other === null || !other.isOpen || other.isClosed || other.node === without) continue;
      const cost = (costs.get(node) ?? 0) + other.cost;
      if (cost >= (costs.get(other.node) ?? Number.POSITIVE_INFINITY)) continue;
      costs.set(other.node, cost);
      waiting.add(other.node);
    }
  }
  return costs;
}
