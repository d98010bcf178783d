import test from 'ava';
import type { Sequence } from '#kernel';
import { tallyEntries } from '../../agent/ring/layout.ts';
import { Bench, message } from './bench.ts';

const log = 'ring/ring.log';
const cursorOf = (name: string) => ({ name, filters: [`${name}/#`], except: null, from: 'now' }) as const;

/** A reading in a batch of its own. */
const body = (n: number): string => `${n}:${'x'.repeat(100)}`;

function damage(bench: Bench, n: number): void {
  const bytes = Buffer.from(bench.disk.peek(log) ?? new Uint8Array());
  bench.disk.flipBit(log, bytes.indexOf(body(n)) + 20, 3);
}

test('a batch found damaged at a start is a gap of exactly what it held for each cursor', async (t) => {
  const bench = new Bench(51);
  const ring = await bench.open();
  for (const name of ['a', 'b']) ring.cursor(cursorOf(name));
  const publish = async (...topics: string[]) => {
    const appended = ring.append(topics.map((topic, index) => message(topic, body(n * 10 + index))));
    n++;
    if (appended.ok) await bench.until(ring.whenDurable(appended.last));
  };
  let n = 1;
  await publish('a/1');
  await publish('a/1', 'b/1', 'a/2');
  await publish('c/1');
  bench.kill();
  damage(bench, 20);
  const again = await bench.open();
  const gapsOf = async (name: string) => {
    const cursor = again.cursor(cursorOf(name));
    const read = await bench.until(cursor.read(100, 1e9));
    cursor.settle(again.durable as Sequence);
    return { gaps: read.map((item) => (item.kind === 'gap' ? item.count : 0)), account: cursor.account };
  };
  const none = { full: 0, expired: 0, refused: 0, superseded: 0 };
  t.deepEqual(await gapsOf('a'), {
    gaps: [0, 2],
    account: { matched: 3, settled: 1, dropped: { ...none, damaged: 2 }, pending: 0 },
  });
  t.deepEqual(await gapsOf('b'), {
    gaps: [1],
    account: { matched: 1, settled: 0, dropped: { ...none, damaged: 1 }, pending: 0 },
  });
});

test('of a cursor that no tally names, every lost sequence counts: too much rather than in silence', async (t) => {
  const bench = new Bench(52);
  const ring = await bench.open();
  const busy = Array.from({ length: tallyEntries }, (_, index) => `busy${index}`);
  for (const name of ['quiet', ...busy]) ring.cursor(cursorOf(name));
  await bench.pass(100);
  for (const [n, topics] of [
    [1, ['quiet/1']],
    [2, busy.map((name) => `${name}/1`)],
  ] as const) {
    const appended = ring.append(topics.map((topic) => message(topic, body(n))));
    if (appended.ok) await bench.until(ring.whenDurable(appended.last));
  }
  const last = ring.append([message('none', body(3))]);
  if (last.ok) await bench.until(ring.whenDurable(last.last));
  bench.kill();
  // Both batches that say something of it, one behind the other.
  for (const n of [1, 2]) damage(bench, n);
  const again = await bench.open();
  const cursor = again.cursor(cursorOf('quiet'));
  const read = await bench.until(cursor.read(100, 1e9));
  t.deepEqual(
    read.map((item) => item.kind === 'gap' && [item.count, item.reason]),
    [[1 + tallyEntries, 'damaged']],
  );
  cursor.settle(again.durable as Sequence);
  t.deepEqual(
    { ...cursor.account, dropped: cursor.account.dropped.damaged },
    {
      matched: 1 + tallyEntries,
      settled: 0,
      dropped: 1 + tallyEntries,
      pending: 0,
    },
  );
});

test('what was dropped after it was handed out, and is then settled, counts as settled', async (t) => {
  const bench = new Bench(53);
  const ring = await bench.open({ full: 'drop-oldest' });
  const cursor = ring.cursor(cursorOf('a'));
  const publish = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const appended = ring.append([message('a/1', new Uint8Array(3_000))]);
      if (appended.ok) await bench.until(ring.whenDurable(appended.last));
    }
  };
  await publish(10);
  const handedOut = await bench.until(cursor.read(100, 1e9));
  const last = handedOut.at(-1);
  await publish(200);
  await bench.pass(5_000);
  t.true(cursor.account.dropped.full > 10);
  if (last?.kind === 'message') cursor.settle(last.sequence);
  t.is(cursor.account.settled, 10);
  cursor.rewind();
  let records = 0;
  let lost = 0;
  while (cursor.readable)
    for (const item of await bench.until(cursor.read(100, 1e9))) {
      if (item.kind === 'gap') lost += item.count;
      else records++;
    }
  t.is(10 + lost + records, 210);
  t.is(lost, cursor.account.dropped.full);
});
