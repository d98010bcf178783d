import test from 'ava';
import fc from 'fast-check';
import { isRefusal } from '#codec';
import { sequence } from '#kernel';
import type { GapRecord, MessageRecord } from '#ring';
import { batchHeadBytes, batchLayout, openFrame } from '../../agent/bus/frame.ts';
import { ItemReader } from '../../agent/bus/item-reader.ts';
import { ItemWriter } from '../../agent/bus/item-writer.ts';
import { hopsOf, Packer } from '../../agent/bus/packer.ts';
import { streamStart } from '../../agent/bus/position.ts';
import { Recap } from '../../agent/bus/recap.ts';
import { VarintReader, writeVarint } from '../../agent/bus/varint.ts';
import { anyRecord, epoch, gapOf, keyA, keyB, reading } from './samples.ts';

const plain = { prefix: '', maxQos: 2, retain: true } as const;
const course = { from: keyA, to: keyB, lane: 1 } as const;

test('a varint carries every number below 2^53 in at most eight bytes', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })), (value) => {
      const bytes = new Uint8Array(8);
      const end = writeVarint(bytes, 0, value);
      const reader = new VarintReader(bytes.subarray(0, end), 0);
      t.is(reader.varint(), value);
      t.false(reader.bad);
      const short = new VarintReader(bytes.subarray(0, end - 1), 0);
      short.varint();
      t.true(short.bad);
    }),
  );
});

/** Steps make the sequences; every few items one is a gap. */
const anyItems = fc
  .array(fc.tuple(anyRecord, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 9 })), { maxLength: 40 })
  .map((drawn) => {
    let at = 0;
    return drawn.map(([record, step, gap]): MessageRecord | GapRecord => {
      at += step;
      return gap === 0 ? gapOf(at - step + 1, at, step, 'expired') : { ...record, sequence: sequence(at) };
    });
  });

test('what is written into a batch is what is read out of it', (t) => {
  fc.assert(
    fc.property(anyItems, fc.constantFrom('', 'gateway-7/'), fc.constantFrom(0, 1, 2), (items, prefix, maxQos) => {
      const writer = new ItemWriter();
      writer.begin(0);
      for (const item of items) {
        if (item.kind === 'gap') writer.addGap(item);
        else writer.addRecord(item, { prefix, maxQos, retain: true }, hopsOf(item));
      }
      const reader = new ItemReader(writer.take().subarray(batchHeadBytes), writer.count, 0);
      for (const item of items) {
        t.is(reader.next(), item.kind === 'gap' ? 'gap' : 'record');
        if (item.kind === 'gap') {
          t.deepEqual([reader.sequence, reader.gapCount, reader.gapReason], [item.to, item.count, item.reason]);
          continue;
        }
        t.deepEqual(
          [reader.sequence, reader.topic, reader.qos, reader.retain, reader.latest, reader.ageMs, reader.hops],
          [
            item.sequence,
            prefix + item.topic,
            Math.min(item.qos, maxQos),
            item.retain,
            item.latest,
            item.age,
            hopsOf(item),
          ],
        );
        t.deepEqual(Buffer.from(reader.body), Buffer.from(item.body));
        t.is(reader.origin?.key, item.provenance?.origin);
        t.is(reader.origin?.epoch, item.provenance?.epoch);
        if (item.provenance !== null) t.is(reader.originSequence, item.provenance.sequence);
      }
      t.is(reader.next(), 'end');
    }),
  );
});

const anyGap = fc
  .array(fc.tuple(fc.constantFrom('plant/x', 'plant/é/2', 'a', '#'.repeat(256)), fc.nat(500)), { maxLength: 8 })
  .map((drawn) => drawn.map(([topic, count]) => ({ topic, count })));

test('a gap that is told whole says where it lies and what it held; told to an older end it does not', (t) => {
  fc.assert(
    fc.property(anyGap, fc.nat(9), fc.integer({ min: 1, max: 2 ** 40 }), fc.boolean(), (topics, rest, first, whole) => {
      const count = topics.reduce((sum, topic) => sum + topic.count, 0) + rest;
      const gap = { ...gapOf(first, first + count, count, 'superseded'), topics };
      const writer = new ItemWriter();
      writer.begin(0);
      writer.addGap(gap, whole);
      writer.addRecord(reading(first + count + 1), plain, 8);
      const items = writer.take().subarray(batchHeadBytes);
      const reader = new ItemReader(items, 2, 0);
      t.is(reader.next(), 'gap');
      t.deepEqual([reader.sequence, reader.gapCount, reader.gapReason], [gap.to, gap.count, gap.reason]);
      t.is(reader.gapFirst, whole ? first : null);
      t.deepEqual(reader.gapTopics, whole ? topics : []);
      t.deepEqual([reader.next(), reader.topic, reader.next()], ['record', reading(first + count + 1).topic, 'end']);
      for (let length = 0; length < items.length; length++) {
        const cut = new ItemReader(items.subarray(0, length), 2, 0);
        if (cut.next() === 'gap') t.is(cut.next(), 'malformed');
      }
    }),
    { numRuns: 50 },
  );
});

test('a gap whose topics hold more than it does, or that names a ninth, is malformed', (t) => {
  const kindOf = (hex: string): string => new ItemReader(Buffer.from(hex, 'hex'), 1, 0).next();
  t.is(kindOf('c00503020100016103'), 'gap', 'three of a');
  t.is(kindOf('c00503020100016104'), 'malformed', 'four of three');
  t.is(kindOf('c00503050100016103'), 'malformed', 'from 0 on');
  t.is(kindOf(`c0050902090001610101${'0101'.repeat(8)}`), 'malformed');
});

test('a packer tells a gap whole only to an end that reads it so, and topics only of a whole gap', (t) => {
  const told = (tellsGaps: boolean, from: number): unknown[] => {
    const packer = new Packer(course, '1'.repeat(16), epoch(9), streamStart, () => plain, tellsGaps);
    packer.add([reading(1), reading(2), { ...gapOf(from, 9, 7), topics: [{ topic: 'a', count: 7 }] }]);
    packer.close();
    const frame = openFrame(packer.ready[0]?.payload ?? new Uint8Array(0));
    const batch = frame === null ? null : batchLayout.decode(frame.body);
    if (batch === null || isRefusal(batch)) return [];
    const reader = new ItemReader(batch.items, batch.count, batch.before);
    for (let item = reader.next(); item === 'record'; item = reader.next());
    return [reader.gapCount, reader.gapFirst, reader.gapTopics];
  };
  t.deepEqual(told(true, 3), [7, 3, [{ topic: 'a', count: 7 }]]);
  t.deepEqual(told(false, 3), [7, null, []]);
  t.deepEqual(told(true, 1), [5, 1, []], 'two of the seven are on their way');
});

test('zeros behind the items of a batch are padding, a few of them; anything else is malformed', (t) => {
  const writer = new ItemWriter();
  writer.begin(0);
  writer.addGap(gapOf(1, 2, 2, 'full'));
  const items = writer.take().subarray(batchHeadBytes);
  const endOf = (padding: Uint8Array): string => {
    const reader = new ItemReader(Buffer.concat([items, padding]), 1, 0);
    reader.next();
    return reader.next();
  };
  t.is(endOf(new Uint8Array(0)), 'end');
  t.is(endOf(new Uint8Array(249)), 'end');
  t.is(endOf(new Uint8Array(256)), 'malformed');
  t.is(endOf(Uint8Array.of(0, 0, 1)), 'malformed');
});

test('a link that strips retain strips what would make or remove a retained message too', (t) => {
  const writer = new ItemWriter();
  writer.begin(0);
  writer.addRecord(reading(1, { retain: true, latest: 'set' }), { ...plain, retain: false }, 8);
  const reader = new ItemReader(writer.take().subarray(batchHeadBytes), 1, 0);
  t.is(reader.next(), 'record');
  t.deepEqual([reader.retain, reader.latest], [false, 'none']);
});

test('garbage as the items of a batch is refused without a throw', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), (bytes, count) => {
      const reader = new ItemReader(bytes, count, 0);
      let steps = 0;
      for (let item = reader.next(); item === 'record' || item === 'gap'; item = reader.next()) steps++;
      t.true(steps <= count);
    }),
  );
});

test('a batch cut short anywhere is malformed, never misread', (t) => {
  const writer = new ItemWriter();
  writer.begin(0);
  for (let at = 1; at <= 5; at++) writer.addRecord(reading(at), plain, 8);
  const items = writer.take().subarray(batchHeadBytes);
  for (let length = 0; length < items.length; length++) {
    const reader = new ItemReader(items.subarray(0, length), 5, 0);
    let item = reader.next();
    while (item === 'record') item = reader.next();
    t.is(item, 'malformed', `${length} bytes`);
  }
});

test('a packer makes batches of one epoch, bounded, each saying what came before it', (t) => {
  const packer = new Packer(course, '1'.repeat(16), epoch(9), streamStart, () => plain);
  const items = Array.from({ length: 700 }, (_, index) =>
    reading(index * 3 + 1, { epoch: epoch(index < 300 ? 1 : 2) }),
  );
  packer.add(items);
  packer.close();
  let previous = { epoch: streamStart.epoch as string, sequence: 0, ordinal: 0 };
  const seen: number[] = [];
  for (const packed of packer.ready) {
    const frame = openFrame(packed.payload);
    const batch = frame === null ? null : batchLayout.decode(frame.body);
    if (batch === null || isRefusal(batch)) return t.fail(String(batch));
    t.deepEqual([batch.previousEpoch, batch.previousSequence, batch.previousOrdinal], Object.values(previous));
    t.true(batch.count <= 256);
    const reader = new ItemReader(batch.items, batch.count, batch.before);
    while (reader.next() === 'record') seen.push(reader.sequence);
    previous = packed.last;
  }
  t.deepEqual(
    seen,
    items.map((item) => item.sequence),
  );
  t.deepEqual(
    packer.ready.map((packed) => packed.last.epoch),
    [epoch(1), epoch(1), epoch(2), epoch(2)],
  );
  return undefined;
});

test('a record without hops, or that no link takes, is skipped and accounted for', (t) => {
  const packer = new Packer(course, '1'.repeat(16), epoch(9), streamStart, (record) =>
    record.topic === 'plant/3' ? null : plain,
  );
  const tired = { origin: keyB, epoch: epoch(1), sequence: sequence(1), via: keyB, hopsLeft: 0 };
  packer.add([reading(1), reading(2, { provenance: tired }), reading(3), reading(4)]);
  packer.close();
  t.is(packer.ready[0]?.records, 2);
  t.is(packer.takeSkipped(1).count, 0, 'not before what lies before them');
  t.true(packer.ready.shift() !== undefined);
  t.deepEqual(packer.takeSkipped(5), { to: sequence(3), count: 2 });
});

test('a gap behind what is packed counts whole, one that overlaps it only for what is not', (t) => {
  const course = { from: keyA, to: keyB, lane: 1 } as const;
  const rule = { prefix: '', maxQos: 2, retain: true } as const;
  const ordinalAfter = (gap: GapRecord): number | undefined => {
    const packer = new Packer(course, '11'.repeat(8), epoch(1), streamStart, () => rule);
    packer.add([reading(1), reading(2), reading(3), gap]);
    packer.close();
    return packer.ready[0]?.last.ordinal;
  };
  t.is(ordinalAfter(gapOf(4, 13, 10, 'damaged')), 13, 'three records and the ten that were damaged behind them');
  t.is(ordinalAfter(gapOf(1, 13, 13)), 13, 'three of the thirteen that the ring dropped are on their way');
});

test('a gap in the stretch that the far end knows already keeps its ordinals', (t) => {
  const place = { placeEpoch: epoch(1), placeSequence: sequence(20), placeOrdinal: 20 };
  const welcome = { nonce: '', token: '', life: epoch(1), refused: 0, ...place };
  const recap = Recap.of(welcome, streamStart, () => plain);
  t.is(recap?.add([gapOf(1, 13, 10), reading(14), reading(15)])?.place.ordinal, 12);
});
