import test from 'ava';
import type { Sequence } from '#kernel';
import type { CursorAccount, Ring } from '#ring';
import { Bench, message, put, text } from './bench.ts';

const log = 'ring/ring.log';
const everything = { name: 'c', filters: ['#'], except: null, from: 'now' } as const;

const body = (n: number): string => `${n}:${'x'.repeat(100)}`;

/** Each in a batch of its own. */
async function publish(bench: Bench, ring: Ring, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) {
    const appended = ring.append([message('a', body(n))]);
    if (appended.ok) await bench.until(ring.whenDurable(appended.last));
  }
}

function damage(bench: Bench, n: number): void {
  const bytes = Buffer.from(bench.disk.peek(log) ?? new Uint8Array());
  bench.disk.flipBit(log, bytes.indexOf(body(n)) + 20, 3);
}

const addsUp = ({ matched, settled, dropped, pending }: CursorAccount): boolean =>
  pending >= 0 && matched === settled + dropped.full + dropped.damaged + dropped.expired + dropped.refused + pending;

for (const settleTo of [6, 8]) {
  test(`what a damaged batch held and had been settled stays counted, and what comes later is read (settled ${settleTo} of 10)`, async (t) => {
    const bench = new Bench(41);
    const ring = await bench.open();
    const cursor = ring.cursor(everything);
    await publish(bench, ring, 1, 10);
    const read = await bench.until(cursor.read(settleTo, 1e9));
    const last = read.at(-1);
    if (last?.kind === 'message') cursor.settle(last.sequence);
    await bench.pass(3_000);
    bench.kill();
    for (const n of [2, 4, 5]) damage(bench, n);
    const again = await bench.open();
    const reopened = again.cursor(everything);
    t.is(again.status.damagedBatches, 2);
    t.true(addsUp(reopened.account), JSON.stringify(reopened.account));
    t.is(reopened.account.matched, 10);
    t.is(reopened.account.pending, 10 - settleTo);
    await publish(bench, again, 11, 15);
    const bodies: string[] = [];
    while (reopened.readable)
      for (const record of await bench.until(reopened.read(100, 1e9)))
        if (record.kind === 'message') bodies.push(text(record.body)?.split(':')[0] ?? '');
    t.deepEqual(
      bodies,
      Array.from({ length: 15 - settleTo }, (_, index) => `${settleTo + 1 + index}`),
    );
    reopened.settle(again.durable as Sequence);
    t.deepEqual(reopened.account, { ...reopened.account, matched: 15, settled: 15, pending: 0 });
  });
}

test('of two damaged batches each is a gap of what it held itself: what the far end has of them it is not told of twice', async (t) => {
  const bench = new Bench(45);
  const ring = await bench.open();
  ring.cursor(everything);
  await publish(bench, ring, 1, 3);
  const state = ring.append([put('k', 'no message at all')]);
  if (state.ok) await bench.until(ring.whenDurable(state.last));
  await publish(bench, ring, 4, 6);
  const three = ring.append([7, 8, 9].map((n) => message('a', body(n))));
  if (three.ok) await bench.until(ring.whenDurable(three.last));
  await publish(bench, ring, 10, 12);
  bench.kill();
  const bytes = Buffer.from(bench.disk.peek(log) ?? new Uint8Array());
  bench.disk.flipBit(log, bytes.indexOf('no message at all'), 3);
  damage(bench, 8);
  const again = await bench.open();
  const read = await bench.until(again.cursor(everything).read(100, 1e9));
  t.deepEqual(
    read.map((one) => (one.kind === 'gap' ? 0 - one.count : Number.parseInt(text(one.body) ?? '', 10))),
    [1, 2, 3, 0, 4, 5, 6, -3, 10, 11, 12],
  );
});

for (const [what, spoil] of [
  ['a bit of the magic', (log: Uint8Array) => flip(log, 1, 2)],
  ['a bit of the ring id', (log: Uint8Array) => flip(log, 20, 7)],
  ['a bit of the first sequence', (log: Uint8Array) => flip(log, 33, 0)],
  ['a bit of the zeros', (log: Uint8Array) => flip(log, 2000, 4)],
  ['a bit of the checksum', (log: Uint8Array) => flip(log, 4093, 6)],
  ['a whole header', (log: Uint8Array) => log.fill(0xee, 0, 4096)],
] as const) {
  test(`the only segment without ${what} is recovered from its batches, and no sequence is given again`, async (t) => {
    const bench = new Bench(42);
    const ring = await bench.open();
    const cursor = ring.cursor(everything);
    await publish(bench, ring, 1, 10);
    const { durable } = ring;
    t.is(cursor.account.pending, 10);
    bench.kill();
    for (const path of bench.disk.paths()) if (path.includes('checkpoint')) await bench.until(bench.disk.remove(path));
    spoil(bench.disk.peek(log) ?? new Uint8Array());
    const again = await bench.open();
    t.is(again.status.damagedBatches, 1);
    t.true(bench.lines.some(({ event }) => event === 'ring-header-damaged'));
    t.is(again.durable, durable);
    t.is((await bench.until(again.cursor(everything).read(100, 1e9))).length, 10);
    bench.kill();
    // The header has been written again.
    const healed = await bench.open();
    t.is(healed.status.damagedBatches, 0);
    t.is(healed.id, again.id);
    t.is(healed.durable, durable);
  });
}

function flip(log: Uint8Array, at: number, bit: number): void {
  log[at] = (log[at] as number) ^ (1 << bit);
}

test('a damaged batch that made a cursor takes nothing of what waits for the cursor', async (t) => {
  const bench = new Bench(43);
  const ring = await bench.open();
  ring.cursor({ ...everything, name: 'damaged-cursor' });
  await publish(bench, ring, 1, 10);
  bench.kill();
  const bytes = Buffer.from(bench.disk.peek(log) ?? new Uint8Array());
  bench.disk.flipBit(log, bytes.indexOf('damaged-cursor') + 3, 1);
  const again = await bench.open();
  const cursor = again.cursor({ ...everything, name: 'damaged-cursor' });
  t.is(cursor.account.pending, 10);
  t.is((await bench.until(cursor.read(100, 1e9))).length, 10);
});

test('cursors that come and go at a high rate do not make a checkpoint each', async (t) => {
  const bench = new Bench(44);
  const ring = await bench.open({ sizeBytes: 64 * 1024 * 1024 });
  for (let n = 0; n < 200; n++) {
    ring.cursor({ ...everything, name: `c${n}` });
    await publish(bench, ring, n, n);
    await bench.pass(90);
  }
  const numbers = bench.disk.paths().filter((path) => /checkpoint-\d+$/.test(path));
  const newest = Number(numbers.sort().at(-1)?.slice(-12));
  t.true(newest >= 2 && newest <= 5, `${newest} checkpoints`);
});
