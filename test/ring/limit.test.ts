import test from 'ava';
import type { Cursor, Ring } from '#ring';
import { Bench, message, text } from './bench.ts';

/** Fills the ring with records of 3,000 bytes, each durable before the next, until one is refused; how many went in. */
async function fill(bench: Bench, ring: Ring, most = Number.POSITIVE_INFINITY, from = 0): Promise<number> {
  for (let count = 0; count < most; count++) {
    const appended = ring.append([message('a', `${from + count} `.padEnd(3_000, 'x'))]);
    if (!appended.ok) return count;
    await bench.until(ring.whenDurable(appended.last));
    await bench.pass(100);
  }
  return most;
}

const allOf = (ring: Ring, name = 'c'): Cursor => ring.cursor({ name, filters: ['#'], except: null, from: 'now' });
const numberOf = (record: { kind: string; body?: Uint8Array }): number => Number.parseInt(text(record.body) ?? '', 10);

/** The limit in records of 3,000 bytes: measured once, the same for every ring of this size. */
async function limit(): Promise<number> {
  const bench = new Bench(1);
  const ring = await bench.open();
  allOf(ring);
  return fill(bench, ring);
}

test('a ring that refuses takes its limit exactly: at limit - 1 and at the limit all is there, at limit + 1 nothing of it', async (t) => {
  const most = await limit();
  t.true(most > 20, `${most}`);
  for (const [tried, taken] of [
    [most - 1, most - 1],
    [most, most],
    [most + 1, most],
  ] as const) {
    const bench = new Bench(2);
    const ring = await bench.open();
    const cursor = allOf(ring);
    t.is(await fill(bench, ring, tried), taken, `${tried} tried`);
    const { head } = ring.status;
    if (tried > most) t.deepEqual(ring.append([message('a', new Uint8Array(3_000))]), { ok: false, reason: 'full' });
    t.is(ring.status.head, head);
    const read = await bench.until(cursor.read(10_000, 1e9));
    t.deepEqual(
      read.map((record) => numberOf(record as never)),
      Array.from({ length: taken }, (_, index) => index),
    );
    t.is(cursor.account.dropped.full, 0);
  }
});

/** How many records a ring has taken when it first drops some: it makes room before it is needed. */
async function firstDrop(): Promise<number> {
  const bench = new Bench(3);
  const ring = await bench.open({ full: 'drop-oldest' });
  const cursor = allOf(ring);
  let count = 0;
  while (cursor.account.dropped.full === 0) count += await fill(bench, ring, 1, count);
  return count;
}

test('a ring that drops the oldest drops nothing below its limit, and from there on the oldest alone', async (t) => {
  const most = await firstDrop();
  t.true(most > 20, `${most}`);
  for (const tried of [most - 1, most, most + 1]) {
    const bench = new Bench(3);
    const ring = await bench.open({ full: 'drop-oldest' });
    const cursor = allOf(ring);
    for (let count = 0; count < tried; ) count += await fill(bench, ring, 1, count);
    const dropped = cursor.account.dropped.full;
    const read = await bench.until(cursor.read(10_000, 1e9));
    t.is(dropped > 0, tried >= most, `${tried} tried`);
    t.is(read[0]?.kind === 'gap' ? read[0].count : 0, dropped);
    t.deepEqual(
      read.filter(({ kind }) => kind === 'message').map((record) => numberOf(record as never)),
      Array.from({ length: tried - dropped }, (_, index) => dropped + index),
    );
    t.is(cursor.account.matched, tried);
  }
});

test('a new cursor from the oldest on reads what the ring holds, and counts it as it reads', async (t) => {
  const bench = new Bench(4);
  const ring = await bench.open();
  allOf(ring, 'holder');
  await fill(bench, ring, 10);
  const late = ring.cursor({ name: 'late', filters: ['a'], except: null, from: 'oldest' });
  await fill(bench, ring, 5);
  const read = await bench.until(late.read(1_000, 1e9));
  t.is(read.length, 15);
  t.is(late.account.matched, 15);
  const last = read.at(-1);
  if (last?.kind === 'message') late.settle(last.sequence);
  t.like(late.account, { settled: 15, pending: 0 });
  t.false(late.readable);
});

test('settling beyond what was read settles the unread ones too, counted exactly, and the next read goes on behind them', async (t) => {
  const bench = new Bench(5);
  const ring = await bench.open();
  const cursor = allOf(ring);
  await fill(bench, ring, 20);
  const read = await bench.until(cursor.read(5, 1e9));
  const last = read.at(-1);
  if (last?.kind !== 'message') return t.fail();
  cursor.settle((last.sequence + 7) as never, 2);
  const rest = await bench.until(cursor.read(1_000, 1e9));
  t.is(numberOf(rest[0] as never), 12);
  t.is(rest.length, 8);
  t.like(cursor.account, { matched: 20, settled: 10, pending: 8 });
  t.is(cursor.account.dropped.refused, 2);
});

test('onRoom is told when there is room for what was refused, not for less', async (t) => {
  const bench = new Bench(6);
  const ring = await bench.open();
  const cursor = allOf(ring);
  const large = message('a', new Uint8Array(14_000));
  await fill(bench, ring, 1);
  while (ring.append([large]).ok) await bench.pass(100);
  let told = 0;
  let vain = 0;
  ring.onRoom(() => {
    told++;
    if (!ring.append([large]).ok) vain++;
  });
  ring.append([large]);
  await bench.pass(5_000);
  t.is(told, 0);
  for (let turn = 0; turn < 200 && told === 0; turn++) {
    const read = await bench.until(cursor.read(1, 1e9));
    const last = read.at(-1);
    if (last?.kind === 'message') cursor.settle(last.sequence);
    await bench.pass(2_000);
  }
  t.true(told > 0);
  t.is(vain, 0);
});

test('a cursor that has read all that is durable is not readable', async (t) => {
  const bench = new Bench(7);
  const ring = await bench.open();
  const cursor = allOf(ring);
  await fill(bench, ring, 10);
  ring.append([message('a', 'not durable yet')]);
  const read = await bench.until(cursor.read(1_000, 1e9));
  t.is(read.length, 10 + (ring.durable >= ring.status.head ? 1 : 0));
  for (let turn = 0; turn < 50 && cursor.readable; turn++) {
    t.true((await bench.until(cursor.read(1_000, 1e9))).length > 0, 'readable and empty');
  }
  t.false(cursor.readable);
});
