import test from 'ava';
import { Bench, Chance } from './bench.ts';
import { type Cut, cuts, verify } from './cuts.ts';
import { cutRing } from './workload.ts';

for (const settleSlow of [true, false]) {
  const reader = settleSlow ? 'readers that keep up' : 'a reader that lags until the oldest is dropped';
  test(`a power cut before or after any disk operation loses nothing durable, with ${reader}`, async (t) => {
    const seed = settleSlow ? 11 : 12;
    const { workload, cuts: all, kinds } = await cuts(seed, settleSlow ? 130 : 230, settleSlow);
    const dropped = workload.ring.status.droppedRecords;
    t.is(dropped > 0, !settleSlow, `${dropped} dropped`);
    for (const kind of ['write', 'sync', 'sync-directory', 'rename']) t.true((kinds.get(kind) ?? 0) > 0, kind);
    t.log(`seed ${seed}: ${all.length} cuts, ${workload.durable} records durable, ${JSON.stringify([...kinds])}`);
    for (const cut of all) {
      const wrong = await verify(cut, workload, seed);
      if (wrong.length > 0) t.fail(`seed ${seed}, ${cut.at}: ${wrong.slice(0, 5).join('; ')}`);
    }
    t.pass();
  });
}

test('with the sync switched off the power cut test finds losses (negative control)', async (t) => {
  const { workload, cuts: all } = await cuts(13, 40, true, true);
  let lossy = 0;
  for (const cut of all) if ((await verify(cut, workload, 13)).some((line) => /lost|durable/.test(line))) lossy++;
  t.log(`${lossy} of ${all.length} cuts lose something`);
  t.true(lossy > all.length / 2);
});

test('a second power cut during the recovery from the first loses nothing either', async (t) => {
  const { workload, cuts: all } = await cuts(14, 120, true);
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
