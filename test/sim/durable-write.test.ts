import test from 'ava';
import type { DiskFile } from '#kernel';
import { SimulatedDisk, World } from '#sim';

test('a durable write outlasts a power cut, also over older bytes that were never synced (storm seed 200)', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const world = new World(seed);
    const disk = new SimulatedDisk(world);
    const found = new Uint8Array(2048);
    let done = false;
    const reopened = (): Promise<DiskFile> => disk.open('/a', 'open');
    const work = async (): Promise<void> => {
      const file = await disk.open('/a', 'create');
      await disk.syncDirectory('/');
      await disk.syncDirectory('');
      await file.write(new Uint8Array(4096), 0);
      await file.writeDurably(new Uint8Array(2048).fill(7), 1024);
      disk.powerCut();
      await (await reopened()).read(found, 1024);
      done = true;
    };
    const finished = work();
    t.true(await world.run(60_000, () => done), `seed ${seed}`);
    await finished;
    t.true(
      found.every((byte) => byte === 7),
      `seed ${seed}`,
    );
  }
});
