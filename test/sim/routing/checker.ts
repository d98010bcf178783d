import type { Instant, Subnet } from '#kernel';
import { Loops } from './loops.ts';
import type { RoutingNode, Watcher } from './node.ts';

interface Packet {
  readonly from: RoutingNode;
  readonly to: RoutingNode;
  readonly sentAt: Instant;
  /** Where it was, and how many route changes toward its destination there had been by then. */
  readonly path: { readonly node: RoutingNode; readonly changes: number }[];
  deliveredAt: Instant | null;
}

/** After a restart a node has another router id, and for so long routes to either may be mixed. */
const mixedForMs = 30_000;
const faultsKept = 20;

/**
 * Watches every change of a route and every step of every packet.
 *
 * - A change of a selected route may not close a loop: the next hops from there on are followed at once.
 * - A packet may be at a node twice only if a route to its destination has changed meanwhile.
 */
export class Checker implements Watcher {
  readonly #now: () => Instant;
  readonly #bySubnet = new Map<Subnet, RoutingNode>();
  readonly #changes = new Map<RoutingNode, number>();
  readonly #restartedAt = new Map<RoutingNode, number>();
  readonly packets: Packet[] = [];
  readonly faults: string[] = [];
  readonly loops = new Loops();
  /** Loops while old and new router ids of a restarted node were about. */
  mixedLoops = 0;
  changes = 0;
  lastChangeAt = 0;

  constructor(now: () => Instant) {
    this.#now = now;
  }

  know(node: RoutingNode): void {
    this.#bySubnet.set(node.subnet, node);
  }

  restarted(node: RoutingNode): void {
    this.#restartedAt.set(node, this.#now());
  }

  routeChanged(node: RoutingNode, subnet: Subnet): void {
    const to = this.#bySubnet.get(subnet);
    if (to === undefined) return;
    this.changes++;
    this.lastChangeAt = this.#now();
    this.#changes.set(to, (this.#changes.get(to) ?? 0) + 1);
    const loop = this.loops.changed(node, to, this.#now());
    if (loop === null) return;
    if (this.#isMixed(to)) this.mixedLoops++;
    else this.#fault(`a loop to ${to.index}: ${loop.nodes.map(({ index }) => index).join(' ')}`);
  }

  send(from: RoutingNode, to: RoutingNode): void {
    const packet: Packet = { from, to, sentAt: this.#now(), path: [], deliveredAt: null };
    this.packets.push(packet);
    packet.path.push({ node: from, changes: this.#changes.get(to) ?? 0 });
    from.originate(this.packets.length - 1, to);
  }

  packetAt(node: RoutingNode, number: number): void {
    const packet = this.packets[number];
    if (packet === undefined) return this.#fault(`packet ${number} was never sent`);
    const changes = this.#changes.get(packet.to) ?? 0;
    const before = packet.path.find((at) => at.node === node);
    if (before !== undefined && before.changes === changes && !this.#isMixed(packet.to))
      this.#fault(`packet ${number} to ${packet.to.index} is at ${node.index} again, no route having changed`);
    packet.path.push({ node, changes });
    if (node !== packet.to) return;
    if (packet.deliveredAt !== null) this.#fault(`packet ${number} arrived twice`);
    packet.deliveredAt = this.#now();
  }

  /** Packets sent from `start` on that have not arrived. */
  lost(start: number): readonly Packet[] {
    return this.packets.filter(({ sentAt, deliveredAt }) => sentAt >= start && deliveredAt === null);
  }

  #isMixed(to: RoutingNode): boolean {
    const at = this.#restartedAt.get(to);
    return at !== undefined && this.#now() - at < mixedForMs;
  }

  #fault(what: string): void {
    if (this.faults.length < faultsKept) this.faults.push(`${(this.#now() / 1000).toFixed(3)} s: ${what}`);
  }
}
