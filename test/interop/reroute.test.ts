import test from 'ava';
import { canMakeNamespaces } from './netns.ts';
import { goneRound } from './reroutes.ts';
import { stockBinary } from './stock.ts';

const inTown = canMakeNamespaces && stockBinary !== undefined ? test : test.skip;
if (!canMakeNamespaces) console.log('skipped: reroutes, only root can make network namespaces');
if (stockBinary === undefined) console.log('skipped: reroutes of stock daemons, MYCELIUM_BIN is not set');

inTown('when the cable to it is cut, a router in the middle is gone round, and by ours no later than by stock', (t) =>
  goneRound(t, 'the cable to it is cut', (street) => street.cut()),
);
