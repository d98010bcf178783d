import { duration, table } from './output.ts';

/** One neighbour's route, as agent/api/views.ts shows it. */
export interface Route {
  readonly subnet: string;
  readonly publicKey: string;
  readonly name: string | null;
  readonly nextHop: string;
  readonly metric: number | string;
  readonly seqno: number;
  readonly selected: boolean;
  readonly cost?: number | null;
  readonly expiresInMs?: number;
  readonly ageMs?: number;
  /** Left out by a stock daemon. */
  readonly standing?: 'trusted' | 'suspect' | 'held';
  readonly suspectForMs?: number | null;
}

const notes = {
  'in doubt': 'in doubt: what went this way came to nothing, but there is no other',
  suspect: 'suspect: what went this way came to nothing, so another is used',
  held: 'held: not used before a newer sequence number comes, so that nothing goes in a circle',
};

/** How each route came to its place, and what the words mean that are not plain. */
export function routeTable(found: readonly Route[], wide: boolean | undefined): string {
  const rows = found.map((route) => [
    howOf(route),
    route.name ?? `${route.publicKey.slice(0, 12)}…`,
    route.subnet,
    route.cost ?? (wide ? null : route.metric),
    ...(wide ? [route.metric, route.seqno] : []),
    timeOf(route.ageMs),
    timeOf(route.expiresInMs),
    route.nextHop,
  ]);
  const head = ['USE', 'NODE', 'SUBNET', 'COST', ...(wide ? ['METRIC', 'SEQNO'] : []), 'AGE', 'ENDS IN', 'BY'];
  return [table(head, rows, { cut: [2, 1, head.length - 1], wide }), ...explained(found)].join('\n');
}

function howOf({ selected, standing }: Route): string {
  if (selected) return standing === 'suspect' ? 'in doubt' : 'selected';
  return standing === undefined || standing === 'trusted' ? 'spare' : standing;
}

function explained(found: readonly Route[]): string[] {
  const used = new Set(found.map(howOf));
  const longest = Math.max(0, ...found.map(({ suspectForMs }) => suspectForMs ?? 0));
  return Object.entries(notes)
    .filter(([how]) => used.has(how))
    .map(([how, note]) => (how === 'suspect' ? `${note}, for ${duration(longest)} at most` : note));
}

const timeOf = (ms: number | undefined): string | null => (ms === undefined ? null : duration(ms));
