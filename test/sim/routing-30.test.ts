import test from 'ava';
import { prepareBlake3 } from '#crypto';
import { stories } from './routing/stories.ts';

test.before(() => prepareBlake3());

for (const from of [1, 61, 121]) {
  test(`30 nodes whose links fail and heal have no loop at any moment, and reach each other within 30 s of the last change, from seed ${from}`, (t) => {
    const told = stories(30, from, 60);
    t.deepEqual(told.faults, []);
    t.true(told.packets > 400_000);
    t.log(told.summary);
  });
}
