import test from 'ava';
import type { Duration } from '#kernel';
import type { Cursor, Entry, Lane, LaneStatus, Ring, RingOptions } from '#ring';
import { Bench, Chance, message } from './bench.ts';

const windows: Partial<RingOptions> = {
  commitWindow: 50 as Duration,
  lanes: { urgent: { commitWindow: 0 as Duration }, bulk: { commitWindow: 1_000 as Duration } },
};

/** How long it takes until a record of the lane is durable, in simulated ms. */
async function msUntilDurable(bench: Bench, ring: Ring, lane: Lane): Promise<number> {
  const from = bench.world.now;
  const appended = ring.append([message('a', 'x', { lane })]);
  if (!appended.ok) throw new Error(appended.reason);
  await bench.until(ring.whenDurable(appended.last));
  return bench.world.now - from;
}

test("each lane's commits gather as long as it says, and an urgent one waits for nobody's window", async (t) => {
  const bench = new Bench(71);
  const ring = await bench.open(windows);
  await bench.pass(2_000);
  t.deepEqual(
    ring.status.lanes.map(({ lane, commitWindowMs }) => [lane, commitWindowMs]),
    [
      ['urgent', 0],
      ['normal', 50],
      ['bulk', 1_000],
    ],
  );
  const urgent = await msUntilDurable(bench, ring, 0);
  const normal = await msUntilDurable(bench, ring, 1);
  const bulk = await msUntilDurable(bench, ring, 2);
  t.true(urgent < 50, `urgent ${urgent} ms`);
  t.true(normal >= 50 && normal < 1_000, `normal ${normal} ms`);
  t.true(bulk >= 1_000, `bulk ${bulk} ms`);
  // What gathers goes along with what is more urgent, also when that comes while a commit is under way.
  const waiting = ring.append([message('a', 'waits', { lane: 2 })]);
  await bench.pass(100);
  t.true(waiting.ok && ring.durable < waiting.last);
  t.true((await msUntilDurable(bench, ring, 0)) < 50);
  t.true(waiting.ok && ring.durable >= waiting.last);
  const first = ring.append([message('a', '1', { lane: 0 })]);
  await bench.until(Promise.resolve());
  ring.append([message('a', '2', { lane: 2 })]);
  t.true(first.ok && (await msUntilDurable(bench, ring, 0)) < 50);
});

test('a lane that gathers writes fewer pages for the same records', async (t) => {
  const written = async (lane: Lane): Promise<number> => {
    const bench = new Bench(72);
    const ring = await bench.open(windows);
    await bench.pass(2_000);
    const before = ring.status.bytesWritten;
    for (let n = 0; n < 100; n++) {
      ring.append([message('a', `${n}`.padEnd(100), { lane })]);
      await bench.pass(100);
    }
    await bench.pass(2_000);
    return ring.status.bytesWritten - before;
  };
  const [urgent, normal, bulk] = [await written(0), await written(1), await written(2)];
  t.log(`100 records of 100 bytes, 100 ms apart: ${urgent}, ${normal}, ${bulk} bytes written`);
  t.true(urgent >= 100 * 4_096 && bulk * 5 < urgent, `${urgent}, ${normal}, ${bulk}`);
});

const KiB = 1024;
const budget: Partial<RingOptions> = {
  sizeBytes: 2048 * KiB,
  lanes: { bulk: { sizeBytes: 300 * KiB, full: 'refuse' } },
};
const inLane = (lane: Lane, bytes = 3_000): Entry[] => [message(`lane/${lane}`, new Uint8Array(bytes), { lane })];
const readerOf = (ring: Ring, lane: Lane): Cursor =>
  ring.cursor({ name: `lane-${lane}`, filters: [`lane/${lane}`], except: null, from: 'now' });

/** Appends to the lane, each durable before the next, until it is refused; how many went in. */
async function flood(bench: Bench, ring: Ring, lane: Lane, most = 10_000): Promise<number> {
  for (let count = 0; count < most; count++) {
    const appended = ring.append(inLane(lane));
    if (!appended.ok) return count;
    await bench.until(ring.whenDurable(appended.last));
  }
  return most;
}

async function settle(bench: Bench, cursor: Cursor, records: number): Promise<void> {
  const read = await bench.until(cursor.read(records, 1e9));
  const last = read.at(-1);
  if (last?.kind === 'message') cursor.settle(last.sequence);
}

const bulkOf = (ring: Ring): LaneStatus | undefined => ring.status.lanes[2];

test('a lane over its budget refuses its own publishers alone, and takes again what its readers make room for', async (t) => {
  const bench = new Bench(73);
  const ring = await bench.open(budget);
  const readers = ([0, 1, 2] as const).map((lane) => readerOf(ring, lane));
  const taken = await flood(bench, ring, 2);
  t.true(taken > 90 && taken <= 104, `${taken} records of 3,000 bytes in 300 KiB`);
  t.deepEqual(ring.append(inLane(2)), { ok: false, reason: 'full' });
  t.like(bulkOf(ring), { state: 'full', sizeBytes: 300 * KiB });
  t.is(ring.status.state, 'ok', 'the ring itself has room');
  t.is(await flood(bench, ring, 1, 100), 100);
  t.is(await flood(bench, ring, 0, 100), 100);
  t.deepEqual(ring.append([...inLane(0), ...inLane(2)]), { ok: false, reason: 'full' }, 'all of it or none');
  let told = 0;
  let vain = 0;
  ring.onRoom(() => {
    told++;
    if (!ring.append(inLane(2)).ok) vain++;
  });
  ring.append(inLane(2));
  await settle(bench, readers[1] as Cursor, 100);
  await settle(bench, readers[0] as Cursor, 100);
  await bench.pass(3_000);
  t.is(told, 0, 'nothing of the bulk lane was settled');
  await settle(bench, readers[2] as Cursor, 10);
  await bench.pass(3_000);
  t.deepEqual([told > 0, vain], [true, 0]);
  t.like(bulkOf(ring), { state: 'ok' });
  await settle(bench, readers[2] as Cursor, 10_000);
  await bench.pass(3_000);
  t.is(bulkOf(ring)?.usedBytes, 0);
  t.deepEqual(ring.append(inLane(2, 301 * KiB)), { ok: false, reason: 'too-large' });
  t.is(ring.status.droppedRecords, 0);
});

test('a record in no reader’s way takes nothing of its lane’s budget', async (t) => {
  const bench = new Bench(74);
  const ring = await bench.open(budget);
  readerOf(ring, 1);
  for (let n = 0; n < 200; n++) {
    const appended = ring.append([message('elsewhere', new Uint8Array(3_000), { lane: 2, latest: 'set' })]);
    t.true(appended.ok, `${n}`);
    if (appended.ok) await bench.until(ring.whenDurable(appended.last));
  }
  t.is(bulkOf(ring)?.usedBytes, 0);
});

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8])
  test(`what a lane is said to hold is what waits of it, to a segment, through restarts, power cuts and compactions (seed ${seed})`, async (t) => {
    const chance = new Chance(seed);
    const bench = new Bench(seed);
    const options = { ...budget, full: chance.pick(['refuse', 'drop-oldest'] as const) };
    let ring = await bench.open(options);
    let readers = ([0, 1, 2] as const).map((lane) => readerOf(ring, lane));
    let refused = 0;
    let compacted = 0;
    for (let step = 0; step < 400; step++) {
      const at = `seed ${seed} step ${step}`;
      const lane = chance.pick([0, 1, 2, 2, 2, 2] as const);
      if (chance.hits(0.7)) {
        const entries = Array.from({ length: chance.between(1, 6) }, () => inLane(lane, chance.between(10, 9_000))[0]);
        const before = usedBy(ring, lane);
        const appended = ring.append(entries.filter((entry) => entry !== undefined));
        const bytes = entries.reduce((sum, entry) => sum + 22 + (entry?.kind === 'message' ? entry.body.length : 0), 0);
        if (appended.ok) t.is(usedBy(ring, lane), before + bytes, at);
        else if (lane === 2 && appended.reason === 'full' && ring.status.state === 'ok') {
          refused++;
          t.true(before + bytes > 300 * KiB, at);
        }
        t.true(usedBy(ring, 2) <= 300 * KiB, at);
      } else if (chance.hits(0.6)) {
        if (lane !== 0 || chance.hits(0.1)) await settle(bench, readers[lane] as Cursor, chance.between(1, 4));
      } else if (chance.between(0, 9) < 7) await bench.pass(chance.between(0, 3_000));
      else {
        await bench.until(ring.whenDurable(ring.status.head));
        await bench.pass(2_000);
        const before = [usedBy(ring, 0), usedBy(ring, 1), usedBy(ring, 2)];
        compacted += ring.status.compactedSegments;
        if (chance.hits(0.3)) await bench.until(ring.close());
        else if (chance.hits(0.5)) bench.powerCut();
        bench.kill();
        ring = await bench.open(options);
        const after = [usedBy(ring, 0), usedBy(ring, 1), usedBy(ring, 2)];
        for (const one of [0, 1, 2])
          t.true(Math.abs((after[one] ?? 0) - (before[one] ?? 0)) < 8 * KiB, `${at}: ${before}, ${after}`);
        readers = ([0, 1, 2] as const).map((each) => readerOf(ring, each));
      }
    }
    await bench.until(ring.whenDurable(ring.status.head));
    for (const reader of readers) {
      while (reader.readable) await settle(bench, reader, 1_000);
      t.is(reader.account.pending, 0);
    }
    t.deepEqual([usedBy(ring, 0), usedBy(ring, 1), usedBy(ring, 2)], [0, 0, 0]);
    t.log(`${refused} refused, ${compacted} segments compacted`);
    t.true(refused > 0);
  });

const usedBy = (ring: Ring, lane: Lane): number => ring.status.lanes[lane]?.usedBytes ?? -1;
