import test from 'ava';
import type { Epoch } from '#kernel';
import { sequence } from '#kernel';
import type { MessageRecord } from '#ring';
import { sortOut } from '../../agent/bus/arrival.ts';
import type { Batch } from '../../agent/bus/frame.ts';
import { batchHeadBytes } from '../../agent/bus/frame.ts';
import { ItemWriter } from '../../agent/bus/item-writer.ts';
import { StreamMemory } from '../../agent/bus/memory.ts';
import { hopsOf } from '../../agent/bus/packer.ts';
import { streamStart } from '../../agent/bus/position.ts';
import { epoch, keyA, keyB, keyC, reading } from './samples.ts';

const rule = { prefix: '', maxQos: 2, retain: true } as const;

function batchOf(records: readonly MessageRecord[]): Batch {
  const writer = new ItemWriter();
  writer.begin(0);
  for (const record of records) writer.addRecord(record, rule, hopsOf(record));
  return {
    token: '00'.repeat(8),
    number: 0,
    previousEpoch: streamStart.epoch,
    previousSequence: 0,
    previousOrdinal: 0,
    epoch: epoch(1),
    before: 0,
    count: records.length,
    items: writer.take().subarray(batchHeadBytes),
  };
}

const bornAt = (boot: number, born: number) =>
  ({ origin: keyC, epoch: epoch(boot), sequence: sequence(born), via: keyC, hopsLeft: 5 }) as const;

const port = (known: readonly string[]) => ({
  self: keyB,
  from: keyA,
  lane: 1 as const,
  accepts: (topic: string) => topic !== 'plant/6',
  hasStored: (origin: string, of: Epoch, born: number) => known.includes(`${origin}/${of}/${born}`),
});

const sorted = (records: readonly MessageRecord[], known: readonly string[] = []) =>
  sortOut(batchOf(records), new StreamMemory(keyA, 1), port(known));

test('one record twice in a batch is one record and one duplicate; another boot’s is another record', (t) => {
  const births = [bornAt(1, 7), bornAt(1, 8), bornAt(1, 7), bornAt(2, 7), bornAt(2, 8), bornAt(1, 8)];
  const arrival = sorted(births.map((provenance, index) => reading(index * 7 + 1, { provenance })));
  t.is(arrival?.messages.length, 4);
  t.is(arrival?.duplicates, 2);
  t.is(arrival?.memory.stored, 4);
  t.is(arrival?.memory.place.sequence, sequence(36), 'the place is that of the batch’s end all the same');
});

test('what is stored is a duplicate, whether it was born at the sender or before it, and the place moves on with it', (t) => {
  const known = [`${keyA}/${epoch(1)}/8`, `${keyC}/${epoch(1)}/7`];
  const arrival = sorted([reading(1), reading(8), reading(15, { provenance: bornAt(1, 7) })], known);
  t.is(arrival?.messages.length, 1);
  t.is(arrival?.duplicates, 2);
  t.is(arrival?.memory.refused, 0);
  t.true(arrival?.changed);
  t.is(arrival?.memory.place.sequence, sequence(15));
});

test('what a path may not bring is refused to it even if it is here', (t) => {
  const arrival = sorted([reading(6)], [`${keyA}/${epoch(1)}/6`]);
  t.is(arrival?.duplicates, 0);
  t.is(arrival?.memory.refused, 1);
});

test('of a batch that is taken in pieces only what was known before is a duplicate, and once', (t) => {
  const known = [`${keyA}/${epoch(1)}/8`];
  const batch = batchOf([reading(1), reading(8), reading(15), reading(22)]);
  let memory = new StreamMemory(keyA, 1);
  memory.advance({ epoch: epoch(1), sequence: sequence(1), ordinal: 1 });
  let taken = 0;
  for (let begun = false, whole = false; !whole; begun = true) {
    const piece = sortOut(batch, memory, port(known), 1, begun);
    if (piece === null) return t.fail();
    ({ memory, whole } = piece);
    taken += piece.messages.length;
  }
  t.is(taken, 2);
  t.is(memory.duplicates, 2);
});

test('only a stream that goes on further than is remembered has gone back; damage that is told has not', (t) => {
  const writer = new ItemWriter();
  writer.begin(0);
  writer.addGap({ kind: 'gap', from: sequence(1), to: sequence(5), count: 3, reason: 'damaged', topics: [] });
  const told = { ...batchOf([]), count: 1, items: writer.take().subarray(batchHeadBytes) };
  const damaged = sortOut(told, new StreamMemory(keyA, 1), port([]));
  t.deepEqual(damaged?.losses, [{ count: 3, reason: 'damaged' }]);
  t.false(damaged?.wentBack);
  const further = { ...batchOf([reading(15)]), previousEpoch: epoch(1), previousSequence: 8, previousOrdinal: 2 };
  const gone = sortOut(further, new StreamMemory(keyA, 1), port([]));
  t.deepEqual(gone?.losses, [{ count: 2, reason: 'damaged' }]);
  t.true(gone?.wentBack);
});
