import test, { type ExecutionContext } from 'ava';
import { canMakeNamespaces } from './netns.ts';
import { stockBinary, waitMs } from './stock.ts';
import { type Citizen, freeze, type Kind } from './town/citizen.ts';
import { crosses } from './town/talks.ts';
import { ring, type Street, Town } from './town/town.ts';

/** Rings of five: node 0 talks to node 2, by 1 or by 4 and 3, until something happens there; then the other way round. */
const inTown = canMakeNamespaces && stockBinary !== undefined ? test : test.skip;
if (!canMakeNamespaces) console.log('skipped: reroutes, only root can make network namespaces');
if (stockBinary === undefined) console.log('skipped: reroutes of stock daemons, MYCELIUM_BIN is not set');

const rings: Readonly<Record<'ours' | 'stock' | 'mixed', readonly Kind[]>> = {
  ours: ['ours', 'ours', 'ours', 'ours', 'ours'],
  stock: ['stock', 'stock', 'stock', 'stock', 'stock'],
  mixed: ['ours', 'stock', 'stock', 'ours', 'stock'],
};

type Blow = (street: Street, router: Citizen) => void;

const blows: Readonly<Record<string, Blow>> = {
  'the cable to it is cut': (street) => street.cut(),
  'its process is frozen': (_street, router) => void freeze(router),
};

for (const [name, blow] of Object.entries(blows)) {
  inTown(`when ${name}, a router in the middle is gone round, and by ours no later than by stock`, async (t) => {
    const [ours, stock, mixed] = await Promise.all([
      reroute(t, rings.ours, blow),
      reroute(t, rings.stock, blow),
      reroute(t, rings.mixed, blow),
    ]);
    console.log(`# when ${name}: ours ${inSeconds(ours)}, stock ${inSeconds(stock)}, a mixed ring ${inSeconds(mixed)}`);
    t.true(ours <= stock);
  });
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
