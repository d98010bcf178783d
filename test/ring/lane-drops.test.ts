import test from 'ava';
import type { Sequence } from '#kernel';
import type { Cursor, GapRecord, Lane, MessageRecord, Ring, RingOptions } from '#ring';
import { Bench, Chance, message } from './bench.ts';

const KiB = 1024;
const dropping: Partial<RingOptions> = {
  sizeBytes: 2048 * KiB,
  lanes: { bulk: { sizeBytes: 300 * KiB, full: 'drop-oldest' } },
};

async function append(bench: Bench, ring: Ring, lane: Lane, bytes = 3_000): Promise<Sequence> {
  for (let tries = 0; tries < 100; tries++) {
    const appended = ring.append([message(`lane/${lane}`, new Uint8Array(bytes), { lane })]);
    if (appended.ok) {
      await bench.until(ring.whenDurable(appended.last));
      return appended.last;
    }
    await bench.pass(200);
  }
  throw new Error(`no room in lane ${lane}`);
}

const open = (ring: Ring, name: string, filter: string): Cursor =>
  ring.cursor({ name, filters: [filter], except: null, from: 'now' });

async function readAll(bench: Bench, cursor: Cursor): Promise<(MessageRecord | GapRecord)[]> {
  const all: (MessageRecord | GapRecord)[] = [];
  while (cursor.readable) all.push(...(await bench.until(cursor.read(1_000, 1e9))));
  return all;
}

const messagesOf = (read: readonly (MessageRecord | GapRecord)[]): MessageRecord[] =>
  read.filter((one) => one.kind === 'message');
const missingIn = (read: readonly (MessageRecord | GapRecord)[]): number =>
  read.reduce((sum, one) => sum + (one.kind === 'gap' ? one.count : 0), 0);

test('a lane over its budget drops its own oldest, each cursor hears of it in their place, and the others lose nothing', async (t) => {
  const bench = new Bench(81);
  let ring = await bench.open({ ...dropping, full: 'refuse' });
  const bulk = open(ring, 'bulk', 'lane/2');
  const all = open(ring, 'all', '#');
  const urgent: Sequence[] = [];
  for (let n = 0; n < 200; n++) {
    await append(bench, ring, 2);
    if (n % 20 === 0) urgent.push(await append(bench, ring, 0));
  }
  t.true((ring.status.lanes[2]?.usedBytes ?? 0) <= 300 * KiB);
  t.true((ring.status.lanes[2]?.droppedBytes ?? 0) > 250 * KiB);
  await bench.pass(2_000);
  bench.powerCut();
  ring = await bench.open({ ...dropping, full: 'refuse' });
  t.true((ring.status.lanes[2]?.usedBytes ?? 0) <= 300 * KiB, 'after a power cut too');
  for (const [cursor, kept] of [
    [open(ring, 'bulk', 'lane/2'), 0],
    [open(ring, 'all', '#'), 10],
  ] as const) {
    const read = await readAll(bench, cursor);
    const messages = messagesOf(read);
    const left = messages.filter(({ lane }) => lane === 2).length;
    t.true(left >= 85 && left <= 102, `${left} left`);
    t.is(missingIn(read), 200 - left);
    t.deepEqual(
      messages.filter(({ lane }) => lane === 0).map(({ sequence }) => sequence),
      kept === 0 ? [] : urgent,
    );
    const gaps = read.filter((one) => one.kind === 'gap');
    t.true(gaps.every(({ reason, topics }) => reason === 'full' && topics[0]?.topic === 'lane/2'));
    const places = read.map((one) => (one.kind === 'gap' ? one.to : one.sequence));
    t.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
      'in their place in the order',
    );
    cursor.settle(places.at(-1) as Sequence);
    const { matched, settled, dropped, pending } = cursor.account;
    t.deepEqual([matched, settled, dropped.full, pending], [200 + kept, left + kept, 200 - left, 0]);
  }
  t.is(bulk.name, 'bulk');
  t.is(all.name, 'all');
});

test('what was handed out before its lane gave it up, and is settled then, counts as settled', async (t) => {
  const bench = new Bench(82);
  const ring = await bench.open(dropping);
  const bulk = open(ring, 'bulk', 'lane/2');
  for (let n = 0; n < 50; n++) await append(bench, ring, 2);
  const first = messagesOf(await bench.until(bulk.read(50, 1e9)));
  t.is(first.length, 50);
  for (let n = 0; n < 150; n++) await append(bench, ring, 2);
  bulk.settle(first.at(-1)?.sequence as Sequence);
  t.like(bulk.account, { settled: 50, pending: 150 });
  const read = await readAll(bench, bulk);
  t.is(missingIn(read) + messagesOf(read).length, 150);
  t.true(missingIn(read) > 30);
});

for (const full of ['drop-oldest', 'refuse'] as const)
  test(`a bulk flood costs nobody else a record, whose space goes back to the ring (when full: ${full})`, async (t) => {
    const bench = new Bench(83);
    const ring = await bench.open({ ...dropping, full });
    const readers = ([0, 1, 2] as const).map((lane) => open(ring, `lane-${lane}`, `lane/${lane}`));
    const sent: [Sequence[], Sequence[], Sequence[]] = [[], [], []];
    for (let n = 0; n < 2_000; n++) {
      const lane = n % 40 === 0 ? 0 : n % 40 === 20 ? 1 : 2;
      sent[lane].push(await append(bench, ring, lane));
    }
    t.true(ring.status.usedBytes <= 2048 * KiB);
    for (const lane of [0, 1] as const) {
      const read = await readAll(bench, readers[lane] as Cursor);
      t.is(missingIn(read), 0);
      t.deepEqual(
        messagesOf(read).map(({ sequence }) => sequence),
        sent[lane],
      );
    }
    const read = await readAll(bench, readers[2] as Cursor);
    t.is(missingIn(read) + messagesOf(read).length, sent[2].length);
    t.true(messagesOf(read).length >= 85, `${messagesOf(read).length} left`);
  });

test('without any budget, a full ring drops bulk first, then normal, and urgent last', async (t) => {
  const bench = new Bench(84);
  const ring = await bench.open({ sizeBytes: 1024 * KiB, full: 'drop-oldest' });
  const readers = ([0, 1, 2] as const).map((lane) => open(ring, `lane-${lane}`, `lane/${lane}`));
  const droppedOf = (): number[] => readers.map(({ account }) => account.dropped.full);
  for (let n = 0; n < 60; n++)
    for (const lane of [0, 1, 2] as const) await append(bench, ring, lane, [400, 1_500, 6_000][lane]);
  const untilGone = async (lane: Lane): Promise<void> => {
    for (let n = 0; n < 600 && droppedOf()[lane] !== 60; n++) await append(bench, ring, 0, 2_000);
  };
  await untilGone(2);
  t.deepEqual(droppedOf(), [0, 0, 60]);
  await untilGone(1);
  t.deepEqual(droppedOf(), [0, 60, 60]);
  for (let n = 0; n < 600 && droppedOf()[0] === 0; n++) await append(bench, ring, 0, 2_000);
  t.true((droppedOf()[0] ?? 0) > 0, 'urgent at last');
});

test('without any budget, a bulk flood through a full ring costs neither a normal record nor an urgent one', async (t) => {
  const bench = new Bench(85);
  const ring = await bench.open({ sizeBytes: 1024 * KiB, full: 'drop-oldest' });
  const readers = ([0, 1, 2] as const).map((lane) => open(ring, `lane-${lane}`, `lane/${lane}`));
  for (let n = 0; n < 1_500; n++) await append(bench, ring, n % 30 === 0 ? 0 : n % 30 === 15 ? 1 : 2);
  const [urgent, normal, bulk] = readers.map(({ account }) => account);
  t.deepEqual([urgent?.dropped.full, normal?.dropped.full], [0, 0]);
  t.true((bulk?.dropped.full ?? 0) > 1_000);
  for (const reader of readers) {
    const read = await readAll(bench, reader);
    t.is(messagesOf(read).length + missingIn(read), reader.account.matched);
  }
});

for (const seed of [1, 2, 3, 4, 5, 6])
  test(`every record of every lane is read, or told of as dropped, through power cuts, compactions and floods (seed ${seed})`, async (t) => {
    const chance = new Chance(seed);
    const bench = new Bench(seed);
    const options = { ...dropping, sizeBytes: chance.pick([1024, 2048]) * KiB, full: 'drop-oldest' as const };
    let ring = await bench.open(options);
    const filters = ['lane/0', 'lane/1', 'lane/2', '#'];
    const names = filters.map((_, index) => `cursor-${index}`);
    let cursors = filters.map((filter, index) => open(ring, names[index] ?? '', filter));
    const settled: number[] = [0, 0, 0, 0];
    const told: number[] = [0, 0, 0, 0];
    const matched = [0, 0, 0, 0];
    const last: number[] = [0, 0, 0, 0];
    for (let step = 0; step < 700; step++) {
      const at = `seed ${seed} step ${step}`;
      const lane = chance.pick([0, 1, 2, 2, 2, 2, 2] as const);
      if (chance.hits(0.85)) {
        const count = chance.between(1, 4);
        const entries = Array.from({ length: count }, () =>
          message(`lane/${lane}`, new Uint8Array(chance.between(10, 6_000)), { lane }),
        );
        const appended = ring.append(entries);
        if (!appended.ok) await bench.pass(300);
        else {
          await bench.until(ring.whenDurable(appended.last));
          for (const one of [lane, 3]) matched[one] = (matched[one] ?? 0) + count;
        }
      } else if (chance.hits(0.6)) {
        const one = chance.pick([0, 1, 2, 3]);
        await readSome(one);
      } else if (chance.hits(0.8)) await bench.pass(chance.between(0, 2_000));
      else {
        await bench.pass(2_000);
        if (chance.hits(0.3)) await bench.until(ring.close());
        else if (chance.hits(0.6)) bench.powerCut();
        bench.kill();
        ring = await bench.open(options);
        cursors = filters.map((filter, index) => open(ring, names[index] ?? '', filter));
      }
      for (const [index, { account }] of cursors.entries()) {
        const sum = account.settled + account.pending + Object.values(account.dropped).reduce((a, b) => a + b, 0);
        t.is(account.matched, matched[index] ?? 0, `${at} ${index}`);
        t.is(sum, account.matched, `${at} ${index}`);
      }
    }
    for (let round = 0; round < 4; round++)
      for (const one of [0, 1, 2, 3]) while (cursors[one]?.readable === true) await readSome(one, 1_000);
    for (const [index, { account, name }] of cursors.entries()) {
      t.is(account.pending, 0, name);
      t.is(account.settled, settled[index] ?? 0, name);
      t.is(account.dropped.full, told[index] ?? 0, name);
    }
    t.is(ring.status.damagedBatches, 0);
    t.log(`told of ${told}, settled ${settled}, ${ring.status.compactedSegments} segments compacted in the last life`);
    t.true((told[2] ?? 0) > 0);

    async function readSome(one: number, most = chance.between(1, 30)): Promise<void> {
      const cursor = cursors[one] as Cursor;
      const read = await bench.until(cursor.read(most, 1e9));
      const to = read.at(-1);
      if (to === undefined) return;
      for (const each of read) {
        const place = each.kind === 'gap' ? each.to : each.sequence;
        t.true(place > (last[one] ?? 0), `cursor ${one}: ${place} behind ${last[one]}`);
        last[one] = place;
        if (each.kind === 'gap') told[one] = (told[one] ?? 0) + each.count;
        else settled[one] = (settled[one] ?? 0) + 1;
      }
      cursor.settle((to.kind === 'gap' ? to.to : to.sequence) as Sequence);
      await bench.pass(1_500);
    }
  });
