import test from 'ava';
import type { Sequence } from '#kernel';
import { Bench, from, message, nodeKey, put, smallRing, text } from './bench.ts';

const bodies = (records: readonly { kind: string }[]): string[] =>
  records.map((record) => ('body' in record ? (text(record.body as Uint8Array) ?? '') : record.kind));

test('a record is acknowledged only after it is durable', async (t) => {
  const bench = new Bench(1);
  const ring = await bench.open();
  const before = ring.durable;
  const appended = ring.append([message('a', 'one')]);
  t.true(appended.ok);
  t.is(ring.durable, before);
  const told: Sequence[] = [];
  ring.onDurable((durable) => told.push(durable));
  await bench.until(ring.whenDurable((before + 1) as Sequence));
  t.is(ring.durable, (before + 1) as Sequence);
  t.deepEqual(told, [(before + 1) as Sequence]);
  await bench.until(ring.close());
});

test('what was appended before a restart is read after it, in order, with its account', async (t) => {
  const bench = new Bench(2);
  let ring = await bench.open();
  let cursor = ring.cursor({ name: 'c', filters: ['a/#'], except: null, from: 'now' });
  for (let n = 0; n < 10; n++) ring.append([message(n % 2 ? 'a/x' : 'b', `${n}`)]);
  await bench.pass(100);
  const read = await bench.until(cursor.read(2, 1e6));
  t.deepEqual(bodies(read), ['1', '3']);
  cursor.settle((read[1] as { sequence: Sequence }).sequence);
  t.deepEqual(cursor.account, {
    matched: 5,
    settled: 2,
    dropped: { full: 0, damaged: 0, expired: 0, refused: 0, superseded: 0 },
    pending: 3,
  });
  await bench.until(ring.close());
  bench.kill();
  ring = await bench.open();
  cursor = ring.cursor({ name: 'c', filters: ['a/#'], except: null, from: 'now' });
  t.is(cursor.account.settled, 2);
  t.is(cursor.account.pending, 3);
  t.deepEqual(bodies(await bench.until(cursor.read(10, 1e6))), ['5', '7', '9']);
  t.false(cursor.readable);
});

test('a killed process leaves all that was durable, without a checkpoint', async (t) => {
  const bench = new Bench(3);
  let ring = await bench.open();
  ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
  ring.append([put('k', 'v1'), message('a', 'one', { latest: 'set', retain: true })]);
  ring.append([put('k', 'v2'), put('gone', 'x')]);
  ring.append([put('gone', null)]);
  await bench.pass(1000);
  bench.kill();
  ring = await bench.open();
  t.is(text(ring.state('k')), 'v2');
  t.is(ring.state('gone'), undefined);
  t.is(text(ring.latest('a')?.body), 'one');
  t.deepEqual(
    [...ring.latestMatching('+')].map((record) => record.topic),
    ['a'],
  );
  const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
  t.deepEqual(bodies(await bench.until(cursor.read(10, 1e6))), ['one']);
  t.is(bench.lines.filter((line) => line.level === 'warn').length, 0);
});

test('a cursor gets nothing back that came from or by way of its own node', async (t) => {
  const bench = new Bench(4);
  const ring = await bench.open();
  const cursor = ring.cursor({ name: 'c', filters: ['#'], except: nodeKey('hub'), from: 'now' });
  t.true(ring.wanted('a', null));
  t.false(ring.wanted('a', nodeKey('hub')));
  const p = from('far', 'mid', 7);
  ring.append([message('a', 'mine'), message('a', 'born there', { provenance: from('hub', 'mid', 1) })]);
  ring.append([message('a', 'by way', { provenance: from('far', 'hub', 2) }), message('a', 'ok', { provenance: p })]);
  await bench.pass(100);
  const read = await bench.until(cursor.read(10, 1e6));
  t.deepEqual(bodies(read), ['mine', 'ok']);
  t.deepEqual((read[1] as { provenance: unknown }).provenance, p);
  t.is(cursor.account.matched, 2);
});

test('a full ring that refuses takes messages again once a reader has passed', async (t) => {
  const bench = new Bench(5);
  const ring = await bench.open();
  const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
  const body = new Uint8Array(4000);
  let accepted = 0;
  const refused = async (): Promise<string> => {
    for (;;) {
      const appended = ring.append([message('a', body)]);
      if (!appended.ok && appended.reason === 'full') return appended.reason;
      if (appended.ok) accepted++;
      await bench.pass(20);
    }
  };
  t.is(await refused(), 'full');
  t.is(ring.status.state, 'full');
  for (let n = 0; n < 500; n++) {
    t.true(ring.append([put(`k${n % 10}`, `${n}`)]).ok);
    await bench.pass(20);
  }
  t.is(text(ring.state('k9')), '499');
  let room = 0;
  ring.onRoom(() => room++);
  let read = 0;
  while (cursor.readable) {
    const records = await bench.until(cursor.read(10, 1e6));
    read += records.length;
    const last = records.at(-1);
    if (last?.kind === 'message') cursor.settle(last.sequence);
    await bench.pass(5);
  }
  t.is(read, accepted);
  await bench.pass(5000);
  t.true(room > 0);
  t.is(ring.status.state, 'ok');
  t.true(ring.append([message('a', body)]).ok);
});

test('a ring whose last room is too little for what it refused is full, though a smaller record would fit', async (t) => {
  for (const size of [3_000, 5_000, 7_000, 9_000, 12_000, 15_000]) {
    const bench = new Bench(5);
    const ring = await bench.open();
    ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
    const body = new Uint8Array(size);
    for (let isFull = false; !isFull; ) {
      const appended = ring.append([message('a', body)]);
      isFull = !appended.ok && appended.reason === 'full';
      await bench.pass(20);
    }
    await bench.pass(5000);
    t.is(ring.status.state, 'full', `${size} bytes`);
    await bench.until(ring.close());
  }
});

test('a full ring that drops the oldest shows the gap in its place and counts it', async (t) => {
  const bench = new Bench(6);
  const ring = await bench.open({ full: 'drop-oldest' });
  const cursor = ring.cursor({ name: 'c', filters: ['a'], except: null, from: 'now' });
  let accepted = 0;
  for (let n = 0; n < 400; n++) {
    const appended = ring.append([message('a', new Uint8Array(3000))]);
    if (appended.ok) accepted++;
    await bench.pass(20);
  }
  t.true(accepted > 390, `${accepted}`);
  const { account } = cursor;
  t.is(account.matched, accepted);
  t.true(account.dropped.full > 0);
  t.is(account.matched, account.settled + account.dropped.full + account.pending);
  const read = await bench.until(cursor.read(10_000, 1e9));
  const gap = read[0];
  t.is(gap?.kind, 'gap');
  t.is(gap?.kind === 'gap' ? gap.count : 0, account.dropped.full);
  t.is(read.length - 1, account.pending);
  t.is(smallRing.sizeBytes, ring.status.sizeBytes);
});
