import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { SimulatedDisk, World } from '#sim';
import { systemDisk } from '../../agent/platform/disk.ts';
import { type DiskUnderTest, diskContract } from './disk.ts';

diskContract(
  test,
  'real disk',
  async (t) => {
    const root = await mkdtemp(join(tmpdir(), 'hypha-disk-'));
    t.teardown(() => rm(root, { recursive: true, force: true }));
    return { disk: systemDisk(), root };
  },
  (_, work) => work(),
);

const worlds = new WeakMap<DiskUnderTest, World>();

diskContract(
  test,
  'simulated disk',
  async () => {
    const world = new World(1);
    const under = { disk: new SimulatedDisk(world), root: 'root' };
    worlds.set(under, world);
    return under;
  },
  async (under, work) => {
    const world = worlds.get(under) ?? new World(1);
    let done = false;
    const result = work().finally(() => {
      done = true;
    });
    await world.run(60_000, () => done);
    return result;
  },
);
