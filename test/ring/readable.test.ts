import test from 'ava';
import type { Cursor } from '#ring';
import { Bench, message, text } from './bench.ts';

const everything = { name: 'c', filters: ['#'], except: null, from: 'now' } as const;

/** Reads while there is something to read, as owners of cursors do; throws when a read of a readable cursor gives nothing. */
async function drain(bench: Bench, cursor: Cursor): Promise<string[]> {
  const bodies: string[] = [];
  while (cursor.readable) {
    const read = await bench.until(cursor.read(2, 1e6));
    if (read.length === 0) throw new Error(`readable, and nothing to read after ${bodies.length}`);
    for (const record of read) if (record.kind === 'message') bodies.push(text(record.body) ?? '');
  }
  return bodies;
}

test('after a start on a disk that refuses, no cursor is readable until the last batch found is durable, and then all of it is told', async (t) => {
  const bench = new Bench(51);
  let ring = await bench.open();
  ring.cursor(everything);
  for (const body of ['one', 'two', 'three']) {
    ring.append([message('a', body)]);
    await bench.pass(100);
  }
  bench.kill();
  bench.disk.faults.failSyncs = 1e9;
  ring = await bench.open();
  const cursor = ring.cursor(everything);
  let told = 0;
  ring.onDurable(() => {
    told++;
  });
  t.true(ring.durable < ring.status.head);
  t.is(cursor.account.pending, 3);
  t.deepEqual(await drain(bench, cursor), []);
  bench.disk.faults.failSyncs = 0;
  await bench.pass(20_000);
  t.true(told > 0);
  t.deepEqual(await drain(bench, cursor), ['one', 'two', 'three']);
});

test('a cursor from the oldest record on is readable only as far as the disk is', async (t) => {
  const bench = new Bench(52);
  const ring = await bench.open();
  ring.append([message('a', 'one')]);
  await bench.pass(100);
  ring.append([message('a', 'two')]);
  const cursor = ring.cursor({ ...everything, from: 'oldest' });
  t.deepEqual(await drain(bench, cursor), ['one']);
  t.false(cursor.readable);
  await bench.pass(100);
  t.deepEqual(await drain(bench, cursor), ['two']);
});

test('a cursor from the oldest record on of which nothing matches is readable no longer than it takes to see that', async (t) => {
  const bench = new Bench(53);
  const ring = await bench.open();
  for (let n = 0; n < 5; n++) {
    ring.append([message('a', `${n}`)]);
    await bench.pass(100);
  }
  const cursor = ring.cursor({ ...everything, filters: ['b'], from: 'oldest' });
  t.true(cursor.readable);
  t.deepEqual(await bench.until(cursor.read(10, 1e6)), []);
  t.false(cursor.readable);
});
