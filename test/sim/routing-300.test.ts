import test from 'ava';
import { prepareBlake3 } from '#crypto';
import { stories } from './routing/stories.ts';

test.before(() => prepareBlake3());

test('so it is with 300 nodes', (t) => {
  const told = stories(300, 1, 20);
  t.deepEqual(told.faults, []);
  t.true(told.packets > 90_000);
  t.log(told.summary);
});
