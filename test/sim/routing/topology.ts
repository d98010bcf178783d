import type { Chance } from '../chance.ts';

export type Shape = 'line' | 'ring' | 'star' | 'random';
export const shapes: readonly Shape[] = ['line', 'ring', 'star', 'random'];

/** Who has a link with whom. `random`: a random tree and half as many links again, so about three each; with hundreds, a sixth. */
export function edgesOf(shape: Shape, count: number, chance: Chance): (readonly [number, number])[] {
  if (shape === 'star') return range(1, count).map((node) => [0, node] as const);
  const line = range(1, count).map((node) => [node - 1, node] as const);
  if (shape === 'line') return line;
  if (shape === 'ring') return [...line, [0, count - 1] as const];
  const edges = new Map<string, readonly [number, number]>();
  const add = (a: number, b: number): unknown => edges.set(`${Math.min(a, b)}-${Math.max(a, b)}`, [a, b]);
  for (const node of range(1, count)) add(chance.between(0, node - 1), node);
  for (let extra = 0; extra < (count > 100 ? count / 6 : count / 2); extra++) {
    const [a, b] = [chance.between(0, count - 1), chance.between(0, count - 1)];
    if (a !== b) add(a, b);
  }
  return [...edges.values()];
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** Hops from one node to all others over the links that `isUsable`; missing: out of reach. */
export function distances(from: number, neighboursOf: (node: number) => Iterable<number>): Map<number, number> {
  const found = new Map([[from, 0]]);
  for (const [node, hops] of found) {
    for (const next of neighboursOf(node)) if (!found.has(next)) found.set(next, hops + 1);
  }
  return found;
}
