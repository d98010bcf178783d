import test from 'ava';
import type { Cursor, Ring } from '#ring';
import { openRing } from '#ring';
import { Bench, message, smallRing, text } from './bench.ts';

const log = 'ring/ring.log';
const count = 60;
const everything = { name: 'c', filters: ['#'], except: null, from: 'now' } as const;
const body = (n: number): string => `${n}:${'x'.repeat(2500)}`;
const all = Array.from({ length: count }, (_, n) => n);

/** More than the memory tail holds, each in a batch of its own. */
async function filled(seed: number): Promise<{ bench: Bench; ring: Ring; cursor: Cursor }> {
  const bench = new Bench(seed);
  const ring = await bench.open();
  const cursor = ring.cursor(everything);
  for (const n of all) {
    const appended = ring.append([message('a', body(n))]);
    if (!appended.ok) throw new Error(`no room for ${n}`);
    await bench.until(ring.whenDurable(appended.last));
  }
  await bench.pass(3_000);
  return { bench, ring, cursor };
}

async function readAll(bench: Bench, cursor: Cursor): Promise<{ numbers: number[]; gaps: number }> {
  const numbers: number[] = [];
  let gaps = 0;
  while (cursor.readable)
    for (const record of await bench.until(cursor.read(100, 1e9)))
      if (record.kind === 'gap') gaps += record.count;
      else numbers.push(Number.parseInt(text(record.body) ?? '', 10));
  return { numbers, gaps };
}

test('a disk that reads nothing for a while costs nothing: who reads waits for it', async (t) => {
  const { bench, ring, cursor } = await filled(51);
  bench.disk.faults.failReads = 1e9;
  let settled = false;
  const reading = cursor.read(3, 1e9).finally(() => {
    settled = true;
  });
  await bench.pass(60_000);
  t.false(settled);
  bench.disk.faults.failReads = 0;
  const first = await bench.until(reading);
  const { numbers, gaps } = await readAll(bench, cursor);
  t.deepEqual(
    [
      ...first.map((record) => (record.kind === 'message' ? Number.parseInt(text(record.body) ?? '', 10) : -1)),
      ...numbers,
    ],
    all,
  );
  t.is(gaps, 0);
  t.is(ring.status.damagedBatches, 0);
  const told = bench.lines.filter(({ event }) => event === 'ring-disk-reads-nothing');
  t.is(told.length, 1);
});

test('reads that fail now and then cost nothing', async (t) => {
  const { bench, ring, cursor } = await filled(52);
  const numbers: number[] = [];
  while (cursor.readable) {
    bench.disk.faults.failReads = bench.world.chance.between(0, 40);
    for (const record of await bench.until(cursor.read(1, 1e9)))
      numbers.push(record.kind === 'message' ? Number.parseInt(text(record.body) ?? '', 10) : -1);
  }
  t.deepEqual(numbers, all);
  t.is(ring.status.damagedBatches, 0);
});

test('a page that never reads is damage: it is a gap, what lies around it is read, and it is waited for once', async (t) => {
  const { bench, ring, cursor } = await filled(53);
  const bytes = Buffer.from(bench.disk.peek(log) ?? new Uint8Array());
  bench.disk.spoil(log, bytes.indexOf(body(5)));
  const { numbers, gaps } = await readAll(bench, cursor);
  t.deepEqual(
    numbers,
    all.filter((n) => n !== 5),
  );
  t.is(gaps, 1);
  t.is(ring.status.damagedBatches, 1);
  const before = bench.world.now;
  cursor.rewind();
  await readAll(bench, cursor);
  t.true(bench.world.now - before < 1_000);
});

test('a start on a disk that reads nothing at first finds all that is there', async (t) => {
  const { bench, cursor } = await filled(54);
  cursor.settle(
    (await bench.until(cursor.read(10, 1e9))).reduce(
      (_, record) => (record.kind === 'message' ? record.sequence : _),
      cursor.position,
    ),
  );
  await bench.pass(5_000);
  bench.kill();
  bench.disk.faults.failReads = 1e9;
  let opened = false;
  const opening = openRing(bench.env, smallRing).finally(() => {
    opened = true;
  });
  await bench.pass(30_000);
  t.false(opened);
  bench.disk.faults.failReads = 0;
  const ring = await bench.until(opening);
  const again = ring.cursor(everything);
  t.deepEqual(await readAll(bench, again), { numbers: all.slice(10), gaps: 0 });
  t.is(ring.status.damagedBatches, 0);
});

test('a ring closes while its disk reads nothing: who waits is refused', async (t) => {
  const { bench, ring, cursor } = await filled(55);
  bench.disk.faults.failReads = 1e9;
  const reading = t.throwsAsync(cursor.read(10, 1e9), { code: 'disk/io' });
  await bench.pass(10_000);
  await bench.until(ring.close(), 30_000);
  await reading;
  bench.disk.faults.failReads = 0;
  bench.kill();
  const again = await bench.open();
  t.deepEqual(await readAll(bench, again.cursor(everything)), { numbers: all, gaps: 0 });
});
