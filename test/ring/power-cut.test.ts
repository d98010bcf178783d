import test from 'ava';
import type { SimulatedDisk } from '#sim';
import { Bench, Chance } from './bench.ts';
import { broken, cutRing, Workload } from './workload.ts';

interface Cut {
  readonly at: string;
  readonly disk: SimulatedDisk;
  readonly durable: number;
}

/** Runs a workload and takes a copy of the disk as a power cut would leave it, before and after every operation. */
async function cuts(
  seed: number,
  steps: number,
  settleSlow: boolean,
  ignoreSync = false,
): Promise<{ workload: Workload; cuts: Cut[]; kinds: Map<string, number> }> {
  const bench = new Bench(seed);
  bench.disk.faults.ignoreSync = ignoreSync;
  const ring = await bench.open(cutRing);
  const workload = new Workload(bench, ring, seed, settleSlow);
  const chance = new Chance(seed + 1);
  const found: Cut[] = [];
  const kinds = new Map<string, number>();
  bench.disk.onOperation = (phase, what, number) => {
    kinds.set(what, (kinds.get(what) ?? 0) + 1);
    const disk = bench.disk.afterCut(bench.world, chance);
    found.push({ at: `${phase} ${what} ${number}`, disk, durable: workload.durable });
  };
  await workload.run(steps);
  bench.disk.onOperation = null;
  return { workload, cuts: found, kinds };
}

async function verify(cut: Cut, workload: Workload, seed: number): Promise<string[]> {
  const bench = new Bench(seed, (world) => cut.disk.moved(world));
  const ring = await bench.open(cutRing);
  return broken(bench, ring, workload, cut.durable);
}

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
