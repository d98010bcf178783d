import test from 'ava';
import { AtRestKey } from '#crypto';
import type { RingOptions } from '#ring';
import { Bench, Chance } from './bench.ts';
import { type Cut, cuts, verify } from './cuts.ts';
import { cutRing } from './workload.ts';

const readers = {
  'keeps-up': 'readers that keep up',
  lags: 'a reader that lags until the oldest is dropped',
  'wants-little': 'a reader that stays away and wants little, so that the log is compacted',
} as const;

for (const slowDoes of ['keeps-up', 'lags', 'wants-little'] as const) {
  test(`a power cut before or after any disk operation loses nothing durable, with ${readers[slowDoes]}`, async (t) => {
    const [seed, steps] = ({ 'keeps-up': [11, 130], lags: [12, 230], 'wants-little': [16, 260] } as const)[slowDoes];
    const { workload, cuts: all, kinds } = await cuts(seed, steps, slowDoes);
    const { droppedRecords: dropped, compactedSegments } = workload.ring.status;
    t.is(dropped > 0, slowDoes === 'lags', `${dropped} dropped`);
    if (slowDoes !== 'lags') t.is(compactedSegments > 0, slowDoes === 'wants-little', `${compactedSegments} compacted`);
    for (const kind of ['write', 'sync', 'sync-directory', 'rename']) t.true((kinds.get(kind) ?? 0) > 0, kind);
    t.log(`seed ${seed}: ${all.length} cuts, ${workload.durable} records durable, ${JSON.stringify([...kinds])}`);
    for (const cut of all) {
      const wrong = await verify(cut, workload, seed);
      if (wrong.length > 0) t.fail(`seed ${seed}, ${cut.at}: ${wrong.slice(0, 5).join('; ')}`);
    }
    t.pass();
  });
}

const enciphered: Partial<RingOptions> = { keys: { writing: new AtRestKey(Buffer.alloc(32, 'k')), reading: [] } };

for (const [how, seed, slowDoes, steps, options] of [
  ['encrypted, and compacted', 17, 'wants-little', 200, enciphered],
  ['encrypted and compressed, and compacted', 18, 'wants-little', 260, { ...enciphered, compress: 'auto' }],
  ['encrypted, and full', 19, 'lags', 200, enciphered],
] as const) {
  test(`a power cut before or after any disk operation of a ring that is ${how} loses nothing durable`, async (t) => {
    const { workload, cuts: all } = await cuts(seed, steps, slowDoes, false, options);
    const { droppedRecords: dropped, compactedSegments: compacted } = workload.ring.status;
    t.is(dropped > 0, slowDoes === 'lags', `${dropped} dropped`);
    if (slowDoes !== 'lags') t.true(compacted > 0, `${compacted} compacted`);
    // Every third: the long tests look at all.
    const some = all.filter((_, index) => index % 3 === seed % 3);
    t.log(`seed ${seed}: ${some.length} cuts, ${workload.durable} records durable, ${compacted} segments compacted`);
    for (const cut of some) {
      const wrong = await verify(cut, workload, seed, options);
      if (wrong.length > 0) t.fail(`seed ${seed}, ${cut.at}: ${wrong.slice(0, 5).join('; ')}`);
    }
  });
}

test('with the sync switched off the power cut test finds losses (negative control)', async (t) => {
  const { workload, cuts: all } = await cuts(13, 40, 'keeps-up', true);
  let lossy = 0;
  for (const cut of all) if ((await verify(cut, workload, 13)).some((line) => /lost|durable/.test(line))) lossy++;
  t.log(`${lossy} of ${all.length} cuts lose something`);
  t.true(lossy > all.length / 2);
});

test('a second power cut during the recovery from the first loses nothing either', async (t) => {
  const { workload, cuts: all } = await cuts(14, 120, 'keeps-up');
  let second = 0;
  for (let index = 0; index < all.length; index += 25) {
    const cut = all[index] as Cut;
    const bench = new Bench(15, (world) => cut.disk.moved(world));
    const chance = new Chance(index);
    const again: Cut[] = [];
    bench.disk.onOperation = (phase, what, number) => {
      const disk = bench.disk.afterCut(bench.world, chance);
      again.push({ at: `${cut.at}, then ${phase} ${what} ${number}`, disk, durable: cut.durable });
    };
    await bench.open(cutRing);
    for (const each of again) {
      second++;
      t.deepEqual(await verify(each, workload, 14), [], each.at);
    }
  }
  t.log(`${second} second cuts`);
  t.true(second > 50);
});
