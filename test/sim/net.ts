import type { ByteLink, Endpoint, LinkEvents } from '#kernel';
import { Chance } from './chance.ts';
import { Connection, type ConnectionNetwork } from './connection.ts';
import { Ether, type EtherNetwork } from './ether.ts';
import { type HostNetwork, SimulatedHost } from './host.ts';
import { Path, type PathConditions } from './path.ts';
import type { World } from './world.ts';

/**
 * Hosts by name and the paths between them. Faults: `block` (one way, bytes wait), `partition` (both ways), `cut` (links
 * end with an error), `halfOpen` (links die and nobody is told), `SimulatedHost.freeze` (SIGSTOP: the kernel still
 * acknowledges) and `crash`.
 */
export class SimulatedNetwork implements HostNetwork, ConnectionNetwork, EtherNetwork {
  readonly world: World;
  /** Multicast: nothing is plugged in at first. */
  readonly ether: Ether;
  readonly #chance: Chance;
  readonly #hosts = new Map<string, SimulatedHost>();
  readonly #paths = new Map<string, Path>();
  readonly #connections = new Set<Connection>();
  #defaults: PathConditions = { delayMs: 1, jitterMs: 0, bytesPerMs: null };

  constructor(world: World) {
    this.world = world;
    this.#chance = world.chance.fork();
    // Of its own: worlds without multicast keep the histories that their seeds had.
    this.ether = new Ether(this, new Chance(world.seed ^ 0xe7e7));
  }

  /** A new incarnation of the host: its predecessor of that name must have crashed or never been. */
  boot(name: string, wallOffsetMs = 0): SimulatedHost {
    if (this.#hosts.get(name)?.alive === true) throw new Error(`simulation: ${name} is already running`);
    const host = new SimulatedHost(this, name, wallOffsetMs);
    this.#hosts.set(name, host);
    for (const connection of [...this.#connections]) connection.forgetHost(name);
    return host;
  }

  host(name: string): SimulatedHost | undefined {
    return this.#hosts.get(name);
  }

  /** Conditions of paths nobody has set, from now on. */
  setDefaults(conditions: Partial<PathConditions>): void {
    this.#defaults = { ...this.#defaults, ...conditions };
  }

  /** Conditions both ways. */
  setPath(a: string, b: string, conditions: Partial<PathConditions>): void {
    Object.assign(this.path(a, b).conditions, conditions);
    Object.assign(this.path(b, a).conditions, conditions);
  }

  /** Nothing gets from `from` to `to` until `unblock`; what was sent waits (it is resent by the kernel). */
  block(from: string, to: string): void {
    this.path(from, to).blocked = true;
  }

  unblock(from: string, to: string): void {
    const path = this.path(from, to);
    path.blocked = false;
    for (const pipe of [...path.pipes]) pipe.pump();
  }

  partition(a: string, b: string): void {
    this.block(a, b);
    this.block(b, a);
  }

  heal(a: string, b: string): void {
    this.unblock(a, b);
    this.unblock(b, a);
  }

  /** All links between the two end with an error on both sides. */
  cut(a: string, b: string): void {
    for (const connection of this.#between(a, b)) connection.reset();
  }

  /** All links between the two go silent for ever and neither side is told. */
  halfOpen(a: string, b: string): void {
    for (const connection of this.#between(a, b)) connection.silence();
  }

  linkCount(a: string, b: string): number {
    return this.#between(a, b).length;
  }

  #between(a: string, b: string): Connection[] {
    return [...this.#connections].filter((connection) => connection.joins(a) && connection.joins(b));
  }

  crashed(host: SimulatedHost, how: 'killed' | 'power'): void {
    for (const connection of [...this.#connections]) {
      if (!connection.joins(host.name)) continue;
      if (how === 'killed') connection.kill(host);
      else connection.silence();
    }
  }

  path(from: string, to: string): Path {
    const key = `${from}>${to}`;
    const known = this.#paths.get(key);
    if (known !== undefined) return known;
    const path = new Path(this.world, this.#chance.fork(), this.#defaults);
    this.#paths.set(key, path);
    return path;
  }

  connect(from: SimulatedHost, fromPort: number, to: Endpoint, events: LinkEvents): ByteLink {
    const connection = new Connection(this, from, fromPort, to, events);
    this.#connections.add(connection);
    connection.open();
    return connection.near.link;
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }
}
