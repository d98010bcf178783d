import type { RouterOptions } from '../../../agent/overlay/router/types.ts';
import { Chance } from '../chance.ts';
import { Checker } from './checker.ts';
import { Cable } from './link.ts';
import { RoutingNode } from './node.ts';
import { Timeline } from './timeline.ts';
import { edgesOf, type Shape } from './topology.ts';

/** Nodes, the cables between them, and who watches. */
export class Fleet {
  readonly chance: Chance;
  readonly timeline = new Timeline();
  readonly checker: Checker;
  readonly nodes: readonly RoutingNode[];
  readonly cables: readonly Cable[];

  constructor(seed: number, shape: Shape, count: number, options: Partial<RouterOptions> = {}) {
    this.chance = new Chance(seed);
    this.checker = new Checker(() => this.timeline.now);
    this.nodes = Array.from({ length: count }, (_, index) => {
      const node = new RoutingNode(index, this.timeline, this.chance.fork(), this.checker, options);
      this.checker.know(node);
      return node;
    });
    this.cables = edgesOf(shape, count, this.chance).map(
      ([a, b]) => new Cable(this.node(a), this.node(b), this.timeline, this.chance.fork()),
    );
    for (const node of this.nodes) node.boot();
  }

  node(index: number): RoutingNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  }

  pick(): RoutingNode {
    return this.chance.pick(this.nodes);
  }

  /** Over cables that are up. */
  neighboursOf(node: RoutingNode): RoutingNode[] {
    return node.cables
      .filter((cable) => cable.state === 'up' && cable.a.isAlive && cable.b.isAlive)
      .map((cable) => (cable.a === node ? cable.b : cable.a));
  }
}
