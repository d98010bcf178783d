import test from 'ava';
import { encodeBody } from '#codec';
import type { Duration, Sequence } from '#kernel';
import type { Cursor, CursorKeeping, GapRecord, MessageRecord, Ring } from '#ring';
import { lifeOf } from '../../agent/codec/publication.ts';
import { Unsettled } from '../../agent/ring/unsettled.ts';
import { Bench, Chance, message } from './bench.ts';

const minutes = (count: number): Duration => (count * 60_000) as Duration;

/** Alarms live for ten minutes, everything else for ever, but for what a message itself says. */
const keeping: CursorKeeping = {
  of: (topic) => (topic.startsWith('alarm') ? { ttl: minutes(10) } : null),
  lifeOf,
};

const opened = (ring: Ring, filters = ['#']): Cursor =>
  ring.cursor({ name: 'link', filters, except: null, from: 'now', keeping });

const plain = (value: string): Uint8Array => encodeBody({}, Buffer.from(value));

async function add(bench: Bench, ring: Ring, topic: string, count = 1, body = plain('x')): Promise<void> {
  for (let left = count; left > 0; left--) {
    const appended = ring.append([message(topic, body)]);
    if (appended.ok) await bench.until(ring.whenDurable(appended.last));
  }
}

const gapsOf = (read: readonly (MessageRecord | GapRecord)[]): GapRecord[] => read.filter((one) => one.kind === 'gap');
const namesOf = (read: readonly (MessageRecord | GapRecord)[]): string[] =>
  read.map((one) => (one.kind === 'gap' ? `${one.count} ${one.reason}` : one.topic));

test('a record that is older than its link allows is not handed out: a gap of its topics stands in its place', async (t) => {
  const bench = new Bench(1);
  const ring = await bench.open();
  const cursor = opened(ring);
  await add(bench, ring, 'reading');
  await add(bench, ring, 'alarm/fire', 3);
  await add(bench, ring, 'alarm/door');
  await bench.pass(minutes(9));
  await add(bench, ring, 'alarm/fire');
  await bench.pass(minutes(2));
  const read = await bench.until(cursor.read(100, 1e6));
  t.deepEqual(namesOf(read), ['reading', '4 expired', 'alarm/fire']);
  t.deepEqual(gapsOf(read)[0]?.topics, [
    { topic: 'alarm/fire', count: 3 },
    { topic: 'alarm/door', count: 1 },
  ]);
  t.like(cursor.account, { matched: 6, settled: 0, pending: 6 });
  const last = read.at(-1);
  if (last?.kind === 'message') cursor.settle(last.sequence);
  t.like(cursor.account, { matched: 6, settled: 2, pending: 0 });
  t.is(cursor.account.dropped.expired, 4);
});

test('a message is not sent when its own expiry interval is over, whatever the link says', async (t) => {
  const bench = new Bench(2);
  const ring = await bench.open();
  const cursor = opened(ring);
  const short = encodeBody({ contentType: 'text', messageExpiryInterval: 30 }, Buffer.from('short'));
  await add(bench, ring, 'reading', 1, short);
  await add(bench, ring, 'reading', 1);
  await bench.pass(29_000);
  t.deepEqual(namesOf(await bench.until(cursor.read(10, 1e6))), ['reading', 'reading']);
  cursor.rewind();
  await bench.pass(2_000);
  t.deepEqual(namesOf(await bench.until(cursor.read(10, 1e6))), ['1 expired', 'reading']);
});

test('what expires while nobody reads is settled where it stands, frees its space, and is told of later, restarts or not', async (t) => {
  const bench = new Bench(3);
  const options = { sizeBytes: 64 * 64 * 1024 };
  let ring = await bench.open(options);
  const cursor = opened(ring);
  await add(bench, ring, 'alarm/fire', 400, plain('x'.repeat(3_000)));
  await add(bench, ring, 'reading', 2);
  const used = ring.status.usedBytes;
  await bench.pass(minutes(11));
  t.like(cursor.account, { matched: 402, settled: 0, pending: 2 });
  t.is(cursor.account.dropped.expired, 400);
  await add(bench, ring, 'reading', 300, plain('x'.repeat(3_000)));
  t.true(used > 1_000_000 && ring.status.usedBytes < used + 300_000, `${used} then ${ring.status.usedBytes}`);
  await bench.pass(2_000);
  bench.kill();
  ring = await bench.open(options);
  const again = opened(ring);
  const read = await bench.until(again.read(1_000, 1e9));
  t.deepEqual(namesOf(read).slice(0, 2), ['400 expired', 'reading']);
  t.deepEqual(gapsOf(read)[0]?.topics, [{ topic: 'alarm/fire', count: 400 }]);
  t.is(read.length, 303);
});

for (const seed of [1, 2, 3]) {
  test(`records that expire add up with all others, whatever is read, settled and restarted (seed ${seed})`, async (t) => {
    const chance = new Chance(seed);
    const bench = new Bench(seed);
    const options = { sizeBytes: 32 * 64 * 1024 };
    let ring = await bench.open(options);
    let cursor = opened(ring);
    let appended = 0;
    const readOnce = async (): Promise<void> => {
      const read = await bench.until(cursor.read(chance.between(1, 30), 1e6));
      for (const one of read) {
        if (one.kind !== 'message' || !one.topic.startsWith('alarm')) continue;
        t.true(one.age <= minutes(10), `seed ${seed}: ${one.sequence} is ${one.age} ms old`);
      }
      const upTo = read[chance.between(0, read.length - 1)];
      if (upTo !== undefined && chance.hits(0.6))
        cursor.settle((upTo.kind === 'gap' ? upTo.to : upTo.sequence) as Sequence, chance.hits(0.1) ? 1 : 0);
    };
    for (let step = 0; step < 300; step++) {
      const kind = chance.between(0, 9);
      if (kind < 4) {
        const count = chance.between(1, 8);
        await add(bench, ring, chance.pick(['alarm/a', 'alarm/b', 'reading']), count, plain(`${step}`));
        appended += count;
      } else if (kind < 7) await readOnce();
      else if (kind === 7) await bench.pass(chance.between(0, minutes(6)));
      else if (kind === 8) cursor.rewind();
      else if (chance.hits(0.3)) {
        await bench.pass(3_000);
        bench.kill();
        ring = await bench.open(options);
        cursor = opened(ring);
      }
      const { matched, settled, dropped, pending } = cursor.account;
      const sum = settled + dropped.expired + dropped.refused + pending;
      t.deepEqual([matched, sum], [appended, appended], `seed ${seed} step ${step}`);
    }
    t.true(cursor.account.dropped.expired > 20, `seed ${seed}`);
    cursor.rewind();
    let told = 0;
    while (cursor.readable) {
      const read = await bench.until(cursor.read(50, 1e6));
      for (const one of read) told += one.kind === 'gap' ? 0 : 1;
      const last = read.at(-1);
      if (last !== undefined) cursor.settle((last.kind === 'gap' ? last.to : last.sequence) as Sequence);
    }
    t.is(cursor.account.pending, 0, `seed ${seed}: ${told} read at the end`);
  });
}

test('of a gap that was handed out and reaches beyond what is then dropped, only the rest stays expired (storm seed 999)', (t) => {
  const unsettled = new Unsettled();
  unsettled.push(626);
  unsettled.pushGap({ from: 627, to: 695, count: 52, reason: 'expired', topics: [{ topic: 'a', count: 52 }] });
  unsettled.push(700);
  unsettled.move(640, 1 + 10, new Unsettled());
  t.is(unsettled.ordinals, 42 + 1);
  t.deepEqual(unsettled.take(695), {
    records: 0,
    gaps: [{ from: 641, to: 695, count: 42, reason: 'expired', topics: [] }],
  });
  t.is(unsettled.ordinals, 1);
});
