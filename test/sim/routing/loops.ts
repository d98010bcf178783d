import type { RoutingNode } from './node.ts';

export interface Loop {
  readonly to: RoutingNode;
  readonly nodes: readonly RoutingNode[];
  readonly began: number;
  /** Null: it still stands. */
  ended: number | null;
}

const nodesAtMost = 1000;

/** Circles of selected routes, from the change that closed each to the one that broke it. */
export class Loops {
  readonly #open = new Map<RoutingNode, Loop[]>();
  readonly seen: Loop[] = [];

  /** A route to `to` has changed at `node`. The loop that this closed, if it did. */
  changed(node: RoutingNode, to: RoutingNode, now: number): Loop | null {
    this.#end(to, now);
    if (!isLoop(node, to)) return null;
    const path = walk(node, to);
    const nodes = path.slice(path.indexOf(path.at(-1) as RoutingNode), -1);
    const open = this.#open.get(to) ?? [];
    if (open.some((loop) => loop.nodes.includes(nodes[0] as RoutingNode))) return null;
    const loop = { to, nodes, began: now, ended: null };
    this.#open.set(to, [...open, loop]);
    this.seen.push(loop);
    return loop;
  }

  /** How long the longest stood until now. */
  longestMs(now: number): number {
    for (const to of this.#open.keys()) this.#end(to, now);
    return Math.max(0, ...this.seen.map(({ began, ended }) => (ended ?? now) - began));
  }

  #end(to: RoutingNode, now: number): void {
    const open = this.#open.get(to);
    if (open === undefined) return;
    const standing = open.filter(({ nodes }) => isCircle(nodes, to));
    for (const loop of open) if (!standing.includes(loop)) loop.ended = now;
    if (standing.length > 0) this.#open.set(to, standing);
    else this.#open.delete(to);
  }
}

const isCircle = (nodes: readonly RoutingNode[], to: RoutingNode): boolean =>
  nodes.every((node, index) => node.nextNode(to.subnet) === nodes[(index + 1) % nodes.length]);

/** Whether the selected routes from here lead round in a circle: who is not there after so many hops never will be. */
function isLoop(from: RoutingNode, to: RoutingNode): boolean {
  let at: RoutingNode | null = from;
  for (let hops = 0; hops < nodesAtMost; hops++) {
    if (at === null || at === to) return false;
    at = at.nextNode(to.subnet);
  }
  return true;
}

/** Along the selected routes: ends with the destination, before a hole, or with the first node that comes again. */
export function walk(from: RoutingNode, to: RoutingNode): RoutingNode[] {
  const path = [from];
  for (let at = from; at !== to; ) {
    const next = at.nextNode(to.subnet);
    if (next === null) return path;
    const isAgain = path.includes(next);
    path.push(next);
    if (isAgain) return path;
    at = next;
  }
  return path;
}
