import test from 'ava';
import { pathStorm } from './path-storm.ts';

/** More of the same: `node scripts/soak/path-storm.ts --seeds 2000`. */
const seeds = 250;

test('through loss, overtaking, cuts, changing paths and restarts no message is lost, doubled or changed, and then all is still', async (t) => {
  let byPath = 0;
  let handedOver = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const report = await pathStorm(seed);
    t.deepEqual(report.faults, [], `seed ${seed}`);
    byPath += report.byPath;
    handedOver += report.handedOver;
  }
  t.true(byPath > 5000, 'most go by the better path');
  t.true(handedOver > 100, 'some are handed over to messages');
});

test('one seed is one history of the better path', async (t) => {
  t.deepEqual(await pathStorm(11), await pathStorm(11));
});

test('acknowledgements that come twice are not acknowledged, and so do not multiply (seed 561)', async (t) => {
  t.deepEqual((await pathStorm(561)).faults, []);
});
