import test from 'ava';
import { canMakeNamespaces } from './netns.ts';
import { stockBinary } from './stock.ts';
import type { Kind } from './town/citizen.ts';
import { everyoneTalks } from './town/talks.ts';
import { line, star, Town } from './town/town.ts';

/** Stock daemons and nodes of ours in one network, each in a network namespace of its own. */
const canRun = canMakeNamespaces && stockBinary !== undefined;
const inTown = canRun ? test : test.skip;
if (!canMakeNamespaces) console.log('skipped: networks of both kinds of node, only root can make network namespaces');
if (stockBinary === undefined) console.log('skipped: networks of both kinds of node, MYCELIUM_BIN is not set');

const lines: readonly (readonly Kind[])[] = [
  ['stock', 'ours', 'stock', 'ours', 'stock'],
  ['ours', 'stock', 'ours', 'stock', 'ours'],
];

for (const kinds of lines) {
  inTown(`in the line ${kinds.join(', ')} everyone hears from everyone`, async (t) => {
    const town = await Town.found(t, kinds, line(kinds.length));
    await everyoneTalks(t, town.citizens, 'along the line');
  });
}

for (const center of ['ours', 'stock'] as const) {
  inTown(`around a center of kind ${center} two of each kind hear from one another`, async (t) => {
    const town = await Town.found(t, [center, 'ours', 'stock', 'ours', 'stock'], star(5));
    await everyoneTalks(t, town.citizens, 'around the star');
  });
}
