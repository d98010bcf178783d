import type { Fleet } from './fleet.ts';
import type { Cable } from './link.ts';
import type { RoutingNode } from './node.ts';
import { distances } from './topology.ts';

/** Random faults of a fleet; each heals by itself at the latest when the trouble ends, but some cut cables stay cut. */
export class Trouble {
  readonly #fleet: Fleet;
  readonly #endsAt: number;
  readonly #restarts: boolean;
  readonly kinds = { cut: 0, silent: 0, partition: 0, freeze: 0, restart: 0, slower: 0 };

  constructor(fleet: Fleet, endsAt: number, restarts: boolean) {
    this.#fleet = fleet;
    this.#endsAt = endsAt;
    this.#restarts = restarts;
  }

  strike(): void {
    const { chance } = this.#fleet;
    const what = chance.between(0, 11);
    if (what <= 3) this.#cut(chance.pick(this.#fleet.cables));
    else if (what <= 5) this.#silence([chance.pick(this.#fleet.cables)], 'silent');
    else if (what === 6) this.#partition();
    else if (what <= 8) this.#freeze(this.#fleet.pick());
    else if (what === 9 && this.#restarts) this.#restart(this.#fleet.pick());
    else this.#slow(chance.pick(this.#fleet.cables));
  }

  #cut(cable: Cable): void {
    const isForGood = this.#fleet.chance.hits(0.3);
    cable.cut();
    this.kinds.cut++;
    if (!isForGood) this.#later(5_000, 60_000, () => cable.heal());
  }

  #silence(cables: readonly Cable[], kind: 'silent' | 'partition'): void {
    const silenced = cables.filter(({ state }) => state === 'up');
    for (const cable of silenced) cable.silence();
    this.kinds[kind]++;
    this.#later(1_000, 50_000, () => {
      for (const cable of silenced) if (cable.state === 'silent') cable.heal();
    });
  }

  /** Those near a node are cut off from the rest. */
  #partition(): void {
    const { chance, nodes, cables } = this.#fleet;
    const around = distances(this.#fleet.pick().index, (index) =>
      this.#fleet.neighboursOf(this.#fleet.node(index)).map((node) => node.index),
    );
    const inside = new Set([...around.keys()].slice(0, chance.between(2, nodes.length >> 1)));
    this.#silence(
      cables.filter(({ a, b }) => inside.has(a.index) !== inside.has(b.index)),
      'partition',
    );
  }

  #freeze(node: RoutingNode): void {
    if (node.isFrozen || !node.isAlive) return;
    node.freeze();
    this.kinds.freeze++;
    this.#later(500, 40_000, () => node.thaw());
  }

  #restart(node: RoutingNode): void {
    if (node.isFrozen || !node.isAlive) return;
    node.kill();
    this.kinds.restart++;
    this.#later(100, 20_000, () => {
      this.#fleet.checker.restarted(node);
      node.boot();
    });
  }

  #slow(cable: Cable): void {
    cable.delayMs = this.#fleet.chance.between(1, 400);
    this.kinds.slower++;
  }

  #later(least: number, most: number, heal: () => void): void {
    const { chance, timeline } = this.#fleet;
    timeline.at(Math.min(timeline.now + chance.between(least, most), this.#endsAt), heal);
  }
}
