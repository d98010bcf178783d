import test from 'ava';
import { canMakeNamespaces } from './netns.ts';
import { goneRound } from './reroutes.ts';
import { stockBinary } from './stock.ts';
import { freeze } from './town/citizen.ts';

const inTown = canMakeNamespaces && stockBinary !== undefined ? test : test.skip;
if (!canMakeNamespaces) console.log('skipped: reroutes, only root can make network namespaces');
if (stockBinary === undefined) console.log('skipped: reroutes of stock daemons, MYCELIUM_BIN is not set');

inTown('when its process is frozen, a router in the middle is gone round, and by ours no later than by stock', (t) =>
  goneRound(t, 'its process is frozen', (_street, router) => void freeze(router)),
);
