import test from 'ava';
import { AtRestKey } from '#crypto';
import type { Cursor, GapRecord, MessageRecord, Ring, RingOptions } from '#ring';
import { imageOf } from '../../agent/ring/image.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import { Bench, message, text } from './bench.ts';

const options: Partial<RingOptions> = { sizeBytes: 16 * 64 * 1024 };
const rare = (ring: Ring): Cursor => ring.cursor({ name: 'rare', filters: ['alarm'], except: null, from: 'now' });

/** Appends readings of 3,000 bytes, every 40th an alarm, each tried again until there is room; settles the readings. */
async function run(bench: Bench, ring: Ring, readings: Cursor, count: number, from = 0): Promise<void> {
  for (let n = from; n < from + count; n++) {
    const topic = n % 40 === 0 ? 'alarm' : 'reading';
    for (let tries = 0; ; tries++) {
      const appended = ring.append([message(topic, `${n} `.padEnd(3_000, 'x'))]);
      if (appended.ok) {
        await bench.until(ring.whenDurable(appended.last));
        break;
      }
      if (tries > 50) throw new Error(`no room for ${n}`);
      await bench.pass(200);
    }
    if (n % 10 !== 9) continue;
    const read = await bench.until(readings.read(1_000, 1e9));
    const last = read.at(-1);
    if (last?.kind === 'message') readings.settle(last.sequence);
    await bench.pass(50);
  }
}

const numbersOf = (read: readonly (MessageRecord | GapRecord)[]): number[] =>
  read.map((one) => (one.kind === 'gap' ? -one.count : Number.parseInt(text(one.body) ?? '', 10)));
const everyFortieth = (count: number): number[] => Array.from({ length: Math.ceil(count / 40) }, (_, n) => n * 40);

const encrypted: Partial<RingOptions> = { keys: { writing: new AtRestKey(Buffer.alloc(32, 'k')), reading: [] } };

for (const [full, more] of [
  ['refuse', {}],
  ['drop-oldest', {}],
  ['refuse', encrypted],
] as const) {
  const how = more === encrypted ? 'refuse, encrypted' : full;
  test(`a reader who stays away holds the space of its own records alone (${how})`, async (t) => {
    const bench = new Bench(1);
    let ring = await bench.open({ ...options, full, ...more });
    const alarms = rare(ring);
    const readings = ring.cursor({ name: 'readings', filters: ['reading'], except: null, from: 'now' });
    const count = 2_400;
    await run(bench, ring, readings, count);
    t.is(ring.status.droppedRecords, 0);
    t.true(ring.status.compactedSegments > 50, `${ring.status.compactedSegments} compacted`);
    t.like(alarms.account, { matched: count / 40, settled: 0, pending: count / 40 });
    t.deepEqual(numbersOf(await bench.until(alarms.read(1_000, 1e9))), everyFortieth(count));
    bench.kill();
    ring = await bench.open({ ...options, full, ...more });
    const again = rare(ring);
    await bench.pass(1_000);
    t.deepEqual(numbersOf(await bench.until(again.read(1_000, 1e9))), everyFortieth(count));
    t.is(ring.status.damagedBatches, 0);
    if (more === encrypted) t.false(Buffer.from(bench.disk.peek('ring/ring.log') ?? []).includes('xxxx'));
  });
}

test('a compacted batch that the medium damages is a gap of exactly what it held, and what is around it is read', async (t) => {
  const bench = new Bench(2);
  let ring = await bench.open(options);
  rare(ring);
  const readings = ring.cursor({ name: 'readings', filters: ['reading'], except: null, from: 'now' });
  await run(bench, ring, readings, 2_000);
  await bench.until(ring.close());
  bench.kill();
  const log = Buffer.from(bench.disk.peek('ring/ring.log') ?? []);
  const at = log.indexOf('alarm400 ');
  t.true(at > 0);
  bench.disk.flipBit('ring/ring.log', at + 100, 3);
  ring = await bench.open(options);
  const read = numbersOf(await bench.until(rare(ring).read(1_000, 1e9)));
  const lost = -read.filter((n) => n < 0).reduce((sum, n) => sum + n, 0);
  const found = read.filter((n) => n >= 0);
  t.true(lost > 0 && lost + found.length === 50, `${lost} lost, ${found.length} found`);
  t.false(found.includes(400));
  t.true(found.includes(0) || found.includes(1_960));
  t.is(ring.status.damagedBatches, 1);
});

test('what is compacted keeps its sequence, boot, age and provenance', async (t) => {
  const bench = new Bench(3);
  let ring = await bench.open(options);
  const first = rare(ring);
  let readings = ring.cursor({ name: 'readings', filters: ['reading'], except: null, from: 'now' });
  await run(bench, ring, readings, 41);
  const before = await bench.until(first.read(10, 1e9));
  const kept = before.map((one) => one.kind === 'message' && [one.sequence, one.epoch, text(one.body)]);
  bench.kill();
  ring = await bench.open(options);
  const second = rare(ring);
  readings = ring.cursor({ name: 'readings', filters: ['reading'], except: null, from: 'now' });
  await run(bench, ring, readings, 1_600, 42);
  t.true(ring.status.compactedSegments > 10);
  const after = await bench.until(second.read(10, 1e9));
  t.deepEqual(
    after.slice(0, 2).map((one) => one.kind === 'message' && [one.sequence, one.epoch, text(one.body)]),
    kept,
  );
  const [a, b] = after;
  t.true(a?.kind === 'message' && b?.kind === 'message' && after[2]?.kind === 'message');
  if (a?.kind === 'message' && after[2]?.kind === 'message') {
    t.not(a.epoch, after[2].epoch);
    t.true(a.age > after[2].age);
  }
});

/** Takes an image onto a disk of its own, while the ring goes on and is compacted further. */
async function imaged(bench: Bench, ring: Ring, goOn: (turn: number) => Promise<void>): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(bench.world);
  await bench.until(disk.makeDirectory('ring'));
  const parts = imageOf(bench.disk, 'ring', ring.keys, () => ring.checkpoint());
  for (let turn = 0; ; turn++) {
    const { done, value: part } = await bench.until(parts.next());
    if (done === true || part === undefined) return disk;
    if (part.kind === 'again')
      for (const path of disk.paths()) {
        const file = await bench.until(disk.open(path, 'create'));
        await bench.until(file.truncate(0));
      }
    else {
      const file = await bench.until(disk.open(`ring/${part.name}`, 'create'));
      await bench.until(file.write(part.bytes, part.offset));
    }
    await goOn(turn);
  }
}

for (const [how, more] of [
  ['plain', {}],
  ['encrypted', encrypted],
] as const) {
  test(`a backup of a compacted ring that goes on has all that waited, under its own sequences (${how})`, async (t) => {
    const bench = new Bench(4);
    const ring = await bench.open({ ...options, ...more });
    const alarms = rare(ring);
    const readings = ring.cursor({ name: 'readings', filters: ['reading'], except: null, from: 'now' });
    await run(bench, ring, readings, 1_600);
    const before = ring.status.compactedSegments;
    let count = 1_600;
    const disk = await imaged(bench, ring, async (turn) => {
      if (turn >= 4) return;
      await run(bench, ring, readings, 200, count);
      count += 200;
    });
    t.true(
      before > 30 && ring.status.compactedSegments > before,
      `${before}, ${ring.status.compactedSegments} compacted`,
    );
    const original = await bench.until(alarms.read(1_000, 1e9));
    t.deepEqual(numbersOf(original), everyFortieth(count));
    const sequences = original.map((one) => (one.kind === 'message' ? one.sequence : -1));

    const heir = new Bench(5, (world) => disk.moved(world));
    const restored = await heir.open({ ...options, ...more });
    t.is(restored.status.damagedBatches, 0);
    const again = rare(restored);
    await heir.pass(1_000);
    const read = await heir.until(again.read(1_000, 1e9));
    const numbers = numbersOf(read);
    t.true(numbers.length >= 40);
    t.deepEqual(numbers, everyFortieth(count).slice(0, numbers.length));
    t.deepEqual(
      read.map((one) => (one.kind === 'message' ? one.sequence : -1)),
      sequences.slice(0, read.length),
    );
    t.like(again.account, { settled: 0, pending: numbers.length });
  });
}
