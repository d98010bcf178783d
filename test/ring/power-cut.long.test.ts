import test from 'ava';
import { cuts, verify } from './cuts.ts';

const seeds = 24;
const first = 1 + Math.floor(Math.random() * 1e9);

for (const [slowDoes, steps, reader] of [
  ['keeps-up', 60, 'readers that keep up'],
  ['lags', 110, 'a reader that lags'],
  ['wants-little', 200, 'a reader that wants little'],
] as const) {
  test.serial(`${seeds} other seeds of the power cut test lose nothing durable, with ${reader}`, async (t) => {
    let count = 0;
    for (let seed = first; seed < first + seeds; seed++) {
      const { workload, cuts: all } = await cuts(seed, steps, slowDoes);
      count += all.length;
      for (const cut of all) t.deepEqual(await verify(cut, workload, seed), [], `seed ${seed}, ${cut.at}`);
    }
    t.log(`seeds from ${first}: ${count} cuts`);
    t.true(count > seeds * 20);
  });
}
