import test from 'ava';
import { AtRestKey } from '#crypto';
import type { RingOptions } from '#ring';
import { cuts, verify } from './cuts.ts';

const seeds = 24;
const enciphered: Partial<RingOptions> = { keys: { writing: new AtRestKey(Buffer.alloc(32, 'k')), reading: [] } };
const first = 1 + Math.floor(Math.random() * 1e9);

for (const [slowDoes, steps, reader, options] of [
  ['keeps-up', 60, 'readers that keep up', {}],
  ['lags', 110, 'a reader that lags', {}],
  ['wants-little', 200, 'a reader that wants little', {}],
  ['lags', 110, 'a reader that lags and an encrypted ring', enciphered],
  ['wants-little', 200, 'a reader that wants little and an encrypted ring', enciphered],
  [
    'wants-little',
    260,
    'a reader that wants little and a ring encrypted and compressed',
    { ...enciphered, compress: 'auto' },
  ],
] as const) {
  test.serial(`${seeds} other seeds of the power cut test lose nothing durable, with ${reader}`, async (t) => {
    let count = 0;
    for (let seed = first; seed < first + seeds; seed++) {
      const { workload, cuts: all } = await cuts(seed, steps, slowDoes, false, options);
      count += all.length;
      for (const cut of all) t.deepEqual(await verify(cut, workload, seed, options), [], `seed ${seed}, ${cut.at}`);
    }
    t.log(`seeds from ${first}: ${count} cuts`);
    t.true(count > seeds * 20);
  });
}
