import test from 'ava';
import { canMakeNamespaces } from './netns.ts';
import { stockBinary } from './stock.ts';
import { type Kind, restart } from './town/citizen.ts';
import { crosses, everyoneTalks } from './town/talks.ts';
import { line, Town } from './town/town.ts';

const inTown = canMakeNamespaces && stockBinary !== undefined ? test : test.skip;
if (!canMakeNamespaces || stockBinary === undefined) console.log('skipped: restarts, without root or MYCELIUM_BIN');

const kinds: readonly Kind[] = ['ours', 'stock', 'ours', 'stock'];
const roles = ['at the end', 'as a router', 'as a router', 'at the end'];

for (const [index, kind] of kinds.entries()) {
  inTown(`${kind} ${roles[index]} that restarts with a new router id is found again by everyone`, async (t) => {
    const town = await Town.found(t, kinds, line(kinds.length));
    await everyoneTalks(t, town.citizens, 'before');
    const begun = performance.now();
    await restart(town.citizen(index));
    await everyoneTalks(t, town.citizens, 'after');
    console.log(
      `# ${kind} ${roles[index]} restarted: everyone talks again after ${Math.round(performance.now() - begun)} ms`,
    );
  });
}

inTown('nodes of ours speak the better path through a stock router, and messages with stock ends', async (t) => {
  const town = await Town.found(t, ['ours', 'stock', 'ours', 'stock'], line(4));
  const [near, far, stock] = [town.ours(0), town.ours(2), town.citizen(3)];
  for (let count = 0; count < 20; count++) {
    await crosses(t, near, far, 'on the path');
    await crosses(t, far, near, 'on the path');
  }
  const before = await near.counters();
  t.true((before['path_messages_sent'] ?? 0) > 0);
  t.true((before['path_messages_received'] ?? 0) > 0);
  for (let count = 0; count < 5; count++) {
    await crosses(t, near, stock, 'in messages');
    await crosses(t, stock, near, 'in messages');
  }
  const after = await near.counters();
  t.is(after['path_messages_sent'], before['path_messages_sent']);
  t.is(after['path_sessions'], before['path_sessions']);
});
