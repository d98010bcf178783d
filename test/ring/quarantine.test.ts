import test from 'ava';
import { Quarantine } from '../../agent/ring/quarantine.ts';
import { Bench } from './bench.ts';

const segmentBytes = 1024 * 1024;
const fileBytes = 256 * 1024;

test('the quarantine holds sixteen files of 256 KiB at most: with each further one the oldest goes, over restarts too', async (t) => {
  const bench = new Bench(71);
  const { disk, log } = bench.env;
  await bench.until(disk.makeDirectory('ring'));
  const file = await bench.until(disk.open('ring/ring.log', 'create'));
  const segments = 25;
  for (let id = 0; id < segments; id++)
    await bench.until(file.write(new Uint8Array(segmentBytes).fill(id + 1), id * segmentBytes));
  let found: string[] = [];
  for (let id = 0; id < segments; id++) {
    // Every copy by a quarantine of its own, as after a restart.
    const quarantine = new Quarantine(disk, 'ring', file, segmentBytes, log);
    quarantine.keep({ id, slot: id }, 4096);
    await bench.until(quarantine.settled());
    found = [...(await bench.until(disk.list('ring/quarantine')))].sort();
    t.is(found.length, Math.min(16, id + 1));
    t.is(quarantine.path, `ring/quarantine/${found.at(-1)}`);
  }
  t.deepEqual(
    found,
    Array.from({ length: 16 }, (_, index) => `${String(index + 10).padStart(6, '0')}-${index + 9}-4096`),
  );
  for (const [index, name] of found.entries()) {
    const bytes = bench.disk.peek(`ring/quarantine/${name}`) ?? new Uint8Array();
    t.is(bytes.length, fileBytes);
    t.true(bytes.every((byte) => byte === index + 10));
  }
});

test('a storm of damage fills the quarantine once: what finds sixteen copies waiting is not copied', async (t) => {
  const bench = new Bench(72);
  const { disk, log } = bench.env;
  await bench.until(disk.makeDirectory('ring'));
  const file = await bench.until(disk.open('ring/ring.log', 'create'));
  await bench.until(file.write(new Uint8Array(segmentBytes), 0));
  const quarantine = new Quarantine(disk, 'ring', file, segmentBytes, log);
  for (let n = 1; n <= 200; n++) quarantine.keep({ id: 1, slot: 0 }, n * 4096);
  await bench.until(quarantine.settled());
  t.is((await bench.until(disk.list('ring/quarantine'))).length, 16);
  t.is(bench.lines.filter(({ event }) => event === 'ring-batch-quarantined').length, 16);
});
