import test from 'ava';
import type { Duration, Sequence } from '#kernel';
import { isAgentError } from '#kernel';
import type { Ring } from '#ring';
import { Bench, message, put, smallRing, text } from './bench.ts';

const told = (bench: Bench, event: string): boolean => bench.lines.some((line) => line.event === event);

async function appendOne(bench: Bench, ring: Ring, body = 'x'): Promise<Sequence> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const appended = ring.append([message('a', body)]);
    if (appended.ok) return appended.last;
    await bench.pass(50);
  }
  throw new Error(`seed ${bench.world.seed}: no room`);
}

for (const [title, begin, end] of [
  ['a failed sync', (b: Bench) => (b.disk.faults.failSyncs = 1e9), (b: Bench) => (b.disk.faults.failSyncs = 0)],
  ['a failed write', (b: Bench) => (b.disk.faults.failWrites = 1e9), (b: Bench) => (b.disk.faults.failWrites = 0)],
  ['a read-only disk', (b: Bench) => (b.disk.faults.readOnly = true), (b: Bench) => (b.disk.faults.readOnly = false)],
] as const) {
  test(`after ${title} nothing is acknowledged until the disk recovers, without a restart`, async (t) => {
    const bench = new Bench(21);
    let ring = await bench.open();
    const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
    const before = await appendOne(bench, ring, 'before');
    await bench.until(ring.whenDurable(before));
    begin(bench);
    const during = await appendOne(bench, ring, 'during');
    await bench.pass(20_000);
    t.is(ring.durable, before);
    t.is(ring.status.state, 'stalled');
    t.regex(ring.status.why ?? '', /error|read-only/);
    t.deepEqual((await bench.until(cursor.read(10, 1e6))).length, 1);
    end(bench);
    await bench.until(ring.whenDurable(during));
    t.is(ring.status.state, 'ok');
    t.true(told(bench, 'ring-disk-stalled') && told(bench, 'ring-disk-recovered'));
    const after = await appendOne(bench, ring, 'after');
    await bench.until(ring.whenDurable(after));
    bench.powerCut();
    ring = await bench.open();
    const again = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
    const read = await bench.until(again.read(10, 1e6));
    t.deepEqual(
      read.map((record) => record.kind === 'message' && text(record.body)),
      ['before', 'during', 'after'],
    );
    t.is(ring.status.damagedBatches, 0);
  });
}

test('single failed syncs at any moment lose nothing, whatever pages they lost', async (t) => {
  for (let seed = 0; seed < 40; seed++) {
    const bench = new Bench(seed);
    const sizeBytes = 64 * 64 * 1024;
    let ring = await bench.open({ sizeBytes });
    ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
    const bodies: string[] = [];
    let last = 0 as Sequence;
    for (let n = 0; n < 30; n++) {
      if (bench.world.chance.hits(0.2)) bench.disk.faults.failSyncs = bench.world.chance.between(1, 3);
      bodies.push(`${n}`);
      last = await appendOne(bench, ring, `${n}`);
      if (bench.world.chance.hits(0.5)) await bench.until(ring.whenDurable(last));
    }
    await bench.until(ring.whenDurable(last));
    bench.powerCut();
    ring = await bench.open({ sizeBytes });
    const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
    const read = await bench.until(cursor.read(100, 1e6));
    t.deepEqual(
      read.map((record) => record.kind === 'message' && text(record.body)),
      bodies,
      `seed ${seed}`,
    );
    t.is(ring.status.damagedBatches, 0, `seed ${seed}`);
  }
});

test('what was begun under a failed sync, found after a kill and built on survives a power cut, its header too', async (t) => {
  for (let seed = 0; seed < 6; seed++) {
    const bench = new Bench(seed);
    const define = { name: 'c', filters: ['#'], except: null, from: 'now' } as const;
    let ring = await bench.open();
    ring.cursor(define);
    const acknowledged: string[] = [];
    const found = new Set<string>();
    const store = async (body: string): Promise<void> => {
      await bench.until(ring.whenDurable(await appendOne(bench, ring, body.padEnd(10_000))));
      acknowledged.push(body);
    };
    for (let round = 0; round < 30; round++) {
      for (let n = bench.world.chance.between(0, 5); n >= 0; n--) await store(`${round}-${n}`);
      bench.disk.faults.failSyncs = 1e9;
      ring.append([message('a', `${round}-failed`.padEnd(10_000))]);
      await bench.pass(200);
      bench.kill();
      bench.disk.faults.failSyncs = 0;
      ring = await bench.open();
      await store(`${round}-after`);
      bench.powerCut();
      ring = await bench.open();
      const cursor = ring.cursor(define);
      for (const item of await bench.until(cursor.read(1000, 1e9))) {
        if (item.kind === 'message') found.add(text(item.body)?.trimEnd() ?? '');
        cursor.settle(item.kind === 'gap' ? item.to : item.sequence);
      }
      const lost = acknowledged.filter((body) => !found.has(body));
      t.deepEqual([lost, ring.status.damagedBatches], [[], 0], `seed ${seed}, round ${round}`);
    }
  }
});

test('a full disk stalls the ring, and room on it lets it go on', async (t) => {
  const bench = new Bench(22);
  const ring = await bench.open({ sizeBytes: 32 * 64 * 1024 });
  await bench.pass(100);
  bench.disk.faults.capacityBytes = bench.disk.usedBytes + 10_000;
  let refused = 0;
  for (let n = 0; n < 100; n++) {
    if (!ring.append([message('a', new Uint8Array(4000))]).ok) refused++;
    await bench.pass(20);
  }
  t.true(refused > 0);
  t.is(ring.status.state, 'stalled');
  t.regex(ring.status.why ?? '', /no space/);
  const { durable } = ring;
  let room = false;
  ring.onRoom(() => {
    room = true;
  });
  bench.disk.faults.capacityBytes = Number.POSITIVE_INFINITY;
  await bench.pass(20_000);
  t.true(ring.durable > durable);
  t.is(ring.status.state, 'ok');
  t.true(room);
});

test('a checkpoint that the disk refuses is tried again, and the ring goes on meanwhile', async (t) => {
  const bench = new Bench(23);
  const ring = await bench.open();
  bench.disk.onOperation = (phase, what) => {
    if (phase === 'before' && what === 'sync-directory') bench.disk.faults.failSyncs = 3;
  };
  for (let n = 0; n < 60; n++) {
    const last = await appendOne(bench, ring, 'x'.repeat(3000));
    await bench.until(ring.whenDurable(last));
  }
  t.true(told(bench, 'ring-checkpoint-refused'));
  bench.disk.onOperation = null;
  await bench.pass(10_000);
  for (let n = 0; n < 300; n++) await bench.until(ring.whenDurable(await appendOne(bench, ring, 'x'.repeat(3000))));
  t.is(ring.status.state, 'ok');
});

test('staging is bounded while the disk takes nothing', async (t) => {
  const bench = new Bench(24);
  const ring = await bench.open();
  bench.disk.faults.failSyncs = 1e9;
  let taken = 0;
  let reason = '';
  for (let n = 0; n < 10_000; n++) {
    const appended = ring.append([message('a', new Uint8Array(100))]);
    if (appended.ok) taken++;
    else reason = appended.reason;
    if (n % 100 === 0) await bench.pass(10);
  }
  t.is(reason, 'stalled');
  t.true(taken * 100 < 2 * 64 * 1024, `${taken}`);
  t.true(ring.append([put('k', 'state still finds room')]).ok);
});

test('a record that fits no segment is too large, one that just fits is stored', async (t) => {
  const bench = new Bench(25);
  let ring = await bench.open();
  // A page of the segment, the batch's front (header and 32 counts of ten bytes), the record's header, the topic;
  // and what an enciphered batch needs.
  const most = 64 * 1024 - 4096 - (64 + 320) - 16 - 1 - 52;
  t.deepEqual(ring.append([message('a', new Uint8Array(most + 1))]), { ok: false, reason: 'too-large' });
  ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
  await bench.pass(100);
  for (const size of [most, most - 1]) {
    const appended = ring.append([message('a', new Uint8Array(size))]);
    t.true(appended.ok, `${size}`);
    await bench.pass(100);
  }
  bench.kill();
  ring = await bench.open();
  const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
  const read = await bench.until(cursor.read(10, 1e6));
  t.deepEqual(
    read.map((record) => record.kind === 'message' && record.body.length),
    [most, most - 1],
  );
});

test('a ring too small is refused with what to do', async (t) => {
  const bench = new Bench(26);
  const error = await t.throwsAsync(bench.open({ sizeBytes: smallRing.sizeBytes - 1 }));
  t.true(isAgentError(error, 'ring/size'));
  await t.notThrowsAsync(bench.open({ sizeBytes: smallRing.sizeBytes }));
});

test('a ring starts on a disk that takes nothing yet, and serves when it does', async (t) => {
  const bench = new Bench(27);
  let ring = await bench.open();
  const last = await appendOne(bench, ring);
  await bench.until(ring.whenDurable(last));
  bench.kill();
  bench.disk.faults.failSyncs = 1e9;
  ring = await bench.open();
  t.is(ring.status.state, 'stalled');
  bench.disk.faults.failSyncs = 0;
  const next = await appendOne(bench, ring);
  await bench.until(ring.whenDurable(next));
  t.is(next, (last + 1) as Sequence);
});

test('a window gathers appends into one commit', async (t) => {
  const bench = new Bench(28);
  const ring = await bench.open({ commitWindow: 50 as Duration });
  const { commits } = ring.status;
  for (let n = 0; n < 10; n++) {
    ring.append([message('a', `${n}`)]);
    await bench.pass(4);
  }
  t.is(ring.status.commits, commits);
  await bench.pass(60);
  t.is(ring.status.commits, commits + 1);
});

test('a ring that grows or shrinks in the configuration keeps what it holds', async (t) => {
  const bench = new Bench(29);
  for (const sizeBytes of [8, 16, 9, 30].map((slots) => slots * 64 * 1024)) {
    const ring = await bench.open({ sizeBytes, full: 'drop-oldest' });
    // A smaller one makes room first.
    await bench.pass(5_000);
    const known = ring.cursors().find(({ name }) => name === 'c');
    const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
    if (known !== undefined) {
      const read = await bench.until(cursor.read(10_000, 1e9));
      t.is(read.filter((record) => record.kind === 'message').length, known.account.pending);
    }
    for (let n = 0; n < 200; n++) await bench.until(ring.whenDurable(await appendOne(bench, ring, 'x'.repeat(3000))));
    await bench.until(ring.close());
    bench.kill();
  }
});
