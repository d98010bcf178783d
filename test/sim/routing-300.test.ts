import test from 'ava';
import { prepareBlake3 } from '#crypto';
import { stories } from './routing/stories.ts';

test.before(() => prepareBlake3());

for (const from of [1, 5, 9, 13, 17]) {
  test(`300 nodes have no loop either, and reach each other as soon, from seed ${from}`, (t) => {
    const told = stories(300, from, 4);
    t.deepEqual(told.faults, []);
    t.true(told.packets > 18_000);
    t.log(told.summary);
  });
}
