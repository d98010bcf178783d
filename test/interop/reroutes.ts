import type { ExecutionContext } from 'ava';
import { waitMs } from './stock.ts';
import type { Citizen, Kind } from './town/citizen.ts';
import { crosses } from './town/talks.ts';
import { ring, type Street, Town } from './town/town.ts';

/** Rings of five: node 0 talks to node 2, by 1 or by 4 and 3, until something happens there; then the other way round. */
const rings: Readonly<Record<'ours' | 'stock' | 'mixed', readonly Kind[]>> = {
  ours: ['ours', 'ours', 'ours', 'ours', 'ours'],
  stock: ['stock', 'stock', 'stock', 'stock', 'stock'],
  mixed: ['ours', 'stock', 'stock', 'ours', 'stock'],
};

export type Blow = (street: Street, router: Citizen) => void;

/** By ours no later than by stock; says how long each ring took. */
export async function goneRound(t: ExecutionContext, name: string, blow: Blow): Promise<void> {
  const [ours, stock, mixed] = await Promise.all([
    reroute(t, rings.ours, blow),
    reroute(t, rings.stock, blow),
    reroute(t, rings.mixed, blow),
  ]);
  console.log(`# when ${name}: ours ${inSeconds(ours)}, stock ${inSeconds(stock)}, a mixed ring ${inSeconds(mixed)}`);
  t.true(ours <= stock);
}

const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** How long a message sent at the blow is under way. */
async function reroute(t: ExecutionContext, kinds: readonly Kind[], blow: Blow): Promise<number> {
  const town = await Town.found(t, kinds, ring(kinds.length), { onlyIpv4: true });
  const [from, to] = [town.citizen(0), town.citizen(2)];
  await crosses(t, from, to, 'the first way');
  const hop = await settledHop(from, to);
  const router = [1, 4].find((index) => town.street(index === 1 ? 0 : 4).isOnTheWay(hop));
  if (router === undefined) throw new Error(`${hop} is neither way round`);
  blow(town.street(router === 1 ? 0 : 4), town.citizen(router));
  const took = await crosses(t, from, to, 'round the other way');
  await crosses(t, to, from, 'and back');
  return took;
}

/** The next hop once it has stayed the same for a while: the first answer to a route request is not always the best. */
async function settledHop(from: Citizen, to: Citizen): Promise<string | undefined> {
  let hop = await from.nextHop(to);
  for (let same = 0; same < 30; same++) {
    await waitMs(100);
    const next = await from.nextHop(to);
    if (next !== hop || next === undefined) same = 0;
    hop = next;
  }
  return hop;
}
