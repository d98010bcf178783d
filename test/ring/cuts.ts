import type { RingOptions } from '#ring';
import type { SimulatedDisk } from '#sim';
import { Bench, Chance } from './bench.ts';
import { broken, cutRing, type SlowReader, Workload } from './workload.ts';

export interface Cut {
  readonly at: string;
  readonly disk: SimulatedDisk;
  readonly durable: number;
}

/** Runs a workload and takes a copy of the disk as a power cut would leave it, before and after every operation. */
export async function cuts(
  seed: number,
  steps: number,
  slowDoes: SlowReader,
  ignoreSync = false,
  more: Partial<RingOptions> = {},
): Promise<{ workload: Workload; cuts: Cut[]; kinds: Map<string, number> }> {
  const bench = new Bench(seed);
  bench.disk.faults.ignoreSync = ignoreSync;
  const ring = await bench.open({ ...cutRing, ...more });
  const workload = new Workload(bench, ring, seed, slowDoes);
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

export async function verify(
  cut: Cut,
  workload: Workload,
  seed: number,
  more: Partial<RingOptions> = {},
): Promise<string[]> {
  const bench = new Bench(seed, (world) => cut.disk.moved(world));
  const ring = await bench.open({ ...cutRing, ...more });
  return broken(bench, ring, workload, cut.durable);
}
