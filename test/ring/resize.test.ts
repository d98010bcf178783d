import test from 'ava';
import type { SimulatedDisk } from '#sim';
import { Bench, Chance, message, text } from './bench.ts';

const slot = 64 * 1024;
const large = { sizeBytes: 24 * slot, full: 'drop-oldest' as const };
const small = { sizeBytes: 8 * slot, full: 'drop-oldest' as const };

/** A ring of 24 slots with about 18 of them full of what nobody has read. */
async function filled(seed: number): Promise<{ bench: Bench; count: number }> {
  const bench = new Bench(seed);
  // Made small, so that its segments are of 64 KiB.
  await bench.until((await bench.open(small)).close());
  const ring = await bench.open(large);
  ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
  let count = 0;
  while (ring.status.usedBytes < 18 * slot) {
    const appended = ring.append([message('a', `${count++}:${'x'.repeat(9_000)}`)]);
    if (appended.ok) await bench.until(ring.whenDurable(appended.last));
  }
  bench.kill();
  return { bench, count };
}

async function numbers(bench: Bench, options: typeof small): Promise<(number | string)[]> {
  const ring = await bench.open(options);
  const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
  const found: (number | string)[] = [];
  while (cursor.readable) {
    for (const record of await bench.until(cursor.read(100, 1e6)))
      found.push(record.kind === 'gap' ? `gap of ${record.count}` : Number.parseInt(text(record.body) ?? '', 10));
  }
  return found;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

test('a ring made smaller than what waits in it keeps all of that, and shrinks as it is delivered', async (t) => {
  const { bench, count } = await filled(81);
  const ring = await bench.open(small);
  const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
  await bench.pass(60_000);
  t.is(cursor.account.pending, count);
  t.is(ring.status.sizeBytes, small.sizeBytes);
  t.true(ring.status.usedBytes > small.sizeBytes);
  while (cursor.account.pending > 0) {
    for (const record of await bench.until(cursor.read(5, 1e6)))
      if (record.kind === 'message') cursor.settle(record.sequence);
    // What is new finds room meanwhile, for as much is freed.
    t.true(ring.append([message('b', 'new')]).ok);
    await bench.pass(2_000);
    if (cursor.account.matched > count + 200) break;
  }
  t.is(cursor.account.dropped.full, 0);
  for (let n = 0; n < 40; n++) {
    const appended = ring.append([message('none', 'x'.repeat(9_000))]);
    if (appended.ok) await bench.until(ring.whenDurable(appended.last));
    for (const record of await bench.until(cursor.read(50, 1e6)))
      if (record.kind === 'message') cursor.settle(record.sequence);
    await bench.pass(2_000);
  }
  t.true((bench.disk.peek('ring/ring.log')?.length ?? 0) <= small.sizeBytes);
  t.true(bench.lines.some(({ event }) => event === 'ring-shrunk'));
  t.is(ring.status.state, 'ok');
});

test('while more waits than the smaller size holds, the policy for a full ring is asked about what is new, one segment for one', async (t) => {
  const { bench, count } = await filled(82);
  const ring = await bench.open(small);
  const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
  for (let n = 0; n < 24; n++) {
    const appended = ring.append([message('a', 'x'.repeat(9_000))]);
    if (appended.ok) await bench.until(ring.whenDurable(appended.last));
  }
  const { pending, dropped } = cursor.account;
  t.true(dropped.full > 0 && dropped.full < 48, `${dropped.full}`);
  t.is(pending + dropped.full, count + 24);
});

test('a ring that refuses and is made smaller than what waits in it drops nothing, and takes messages again when there is room', async (t) => {
  const { bench, count } = await filled(83);
  const ring = await bench.open({ ...small, full: 'refuse' as never });
  const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
  let taken = 0;
  while (taken < 200 && ring.append([message('a', 'x'.repeat(9_000))]).ok) {
    taken++;
    await bench.pass(20);
  }
  t.true(taken < 40, `${taken}`);
  t.is(ring.status.state, 'full');
  t.is(cursor.account.pending, count + taken);
  while (cursor.readable)
    for (const record of await bench.until(cursor.read(100, 1e6)))
      if (record.kind === 'message') cursor.settle(record.sequence);
  await bench.pass(10_000);
  t.true(ring.append([message('a', 'again')]).ok);
  t.is(cursor.account.dropped.full, 0);
});

test('a power cut at any moment of a growth or a shrinking loses nothing that waits', async (t) => {
  const { bench, count } = await filled(84);
  const chance = new Chance(85);
  const cuts: { at: string; disk: SimulatedDisk }[] = [];
  bench.disk.onOperation = (phase, what, number) =>
    cuts.push({ at: `${phase} ${what} ${number}`, disk: bench.disk.afterCut(bench.world, chance) });
  for (const options of [small, large, { ...small, sizeBytes: 12 * slot }, { ...large, sizeBytes: 40 * slot }]) {
    const ring = await bench.open(options);
    await bench.pass(5_000);
    await bench.until(ring.close());
    bench.kill();
  }
  bench.disk.onOperation = null;
  t.log(`${cuts.length} cuts`);
  t.true(cuts.length > 30);
  for (const { at, disk } of cuts)
    for (const options of [small, large]) {
      const other = new Bench(86, (world) => disk.afterCut(world, new Chance(1)).moved(world));
      t.deepEqual(await numbers(other, options), upTo(count), `${at}, opened with ${options.sizeBytes / slot} slots`);
    }
});

test('a power cut while a ring shrinks as it is read loses nothing that is not settled', async (t) => {
  const { bench, count } = await filled(87);
  const chance = new Chance(88);
  const cuts: { at: string; disk: SimulatedDisk; settled: number }[] = [];
  const ring = await bench.open(small);
  const cursor = ring.cursor({ name: 'c', filters: ['a'], except: null, from: 'now' });
  let settled = 0;
  bench.disk.onOperation = (phase, what, number) =>
    cuts.push({ at: `${phase} ${what} ${number}`, disk: bench.disk.afterCut(bench.world, chance), settled });
  while (cursor.readable) {
    for (const record of await bench.until(cursor.read(3, 1e6))) {
      if (record.kind !== 'message') continue;
      cursor.settle(record.sequence);
      settled++;
    }
    ring.append([message('none/of/them', 'x'.repeat(3_000))]);
    await bench.pass(1_500);
  }
  for (let n = 0; n < 40; n++) {
    ring.append([message('none/of/them', 'x'.repeat(9_000))]);
    await bench.pass(1_500);
  }
  bench.disk.onOperation = null;
  t.true(
    cuts.some(({ at }) => at.includes('truncate')),
    'the file was cut off',
  );
  for (let index = 0; index < cuts.length; index += 3) {
    const cut = cuts[index];
    if (cut === undefined) continue;
    const other = new Bench(89, (world) => cut.disk.moved(world));
    const found = (await numbers(other, small)).filter((each) => !Number.isNaN(each));
    const first = Number(found[0] ?? count);
    t.true(first <= cut.settled, `${cut.at}: ${first} is the first, ${cut.settled} were settled`);
    t.deepEqual(found, upTo(count).slice(first), cut.at);
  }
  t.log(`${cuts.length} cuts`);
});

test('a ring that is full under the same size is not larger after a restart', async (t) => {
  const bench = new Bench(80);
  for (let turn = 0; turn < 4; turn++) {
    const ring = await bench.open(small);
    ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
    for (let n = 0; n < 80; n++) {
      const appended = ring.append([message('a', 'x'.repeat(9_000))]);
      if (appended.ok) await bench.until(ring.whenDurable(appended.last));
    }
    bench.kill();
    t.true((bench.disk.peek('ring/ring.log')?.length ?? 0) <= small.sizeBytes);
  }
});
