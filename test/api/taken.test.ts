import test from 'ava';
import type { PublicKey } from '#kernel';
import { SimulatedDisk, World } from '#sim';
import { Taken, type TakenLimits } from '../../agent/api/inbox/taken.ts';
import { decodeTakenSlot, encodeTakenSlot, slotBytes, takenSlot } from '../../agent/api/inbox/taken-slot.ts';
import { InboxBench, messageOf, numberOf, quiet } from './inbox-bench.ts';

test('a message that was taken and is sent again after a kill is acknowledged and not delivered again', async (t) => {
  const bench = new InboxBench(1);
  const inbox = await bench.open();
  for (const number of [1, 2]) t.true(await bench.add(inbox, messageOf(number)));
  await bench.through(bench.take(inbox));
  bench.disk.kill();
  const again = await bench.open();
  for (const number of [1, 2]) t.true(await bench.add(again, messageOf(number)), 'acknowledged');
  t.false(again.has(messageOf(1)));
  t.deepEqual((await bench.all(again)).map(numberOf), [2]);
});

test('another content under the id of a message that was taken is another message', async (t) => {
  const bench = new InboxBench(2);
  const inbox = await bench.open();
  await bench.add(inbox, messageOf(1));
  await bench.all(inbox);
  t.true(await bench.add(await bench.open(), { ...messageOf(1), payload: Buffer.from('7 is another') }));
  t.deepEqual((await bench.all(await bench.open())).map(numberOf), [7]);
});

test('what a program behind a socket took is not delivered again either, and what was damaged is', async (t) => {
  const bench = new InboxBench(3);
  const inbox = await bench.open();
  await bench.through(inbox.store(messageOf(1)));
  await bench.through(inbox.claim(messageOf(1))?.remove() ?? Promise.reject(new Error('not claimed')));
  await bench.add(inbox, messageOf(2));
  bench.disk.flipBit(bench.disk.paths()[0] ?? '', 120, 3);
  t.is(await bench.through(bench.take(inbox)), null);
  const again = await bench.open();
  for (const number of [1, 2]) t.true(await bench.add(again, messageOf(number)));
  t.deepEqual((await bench.all(again)).map(numberOf), [2]);
});

test('a disk that records nothing keeps no message from its reader; it is counted, and made up for by the next', async (t) => {
  const bench = new InboxBench(4);
  const inbox = await bench.open();
  for (const number of [1, 2]) await bench.add(inbox, messageOf(number));
  bench.disk.faults.failWrites = 1;
  t.is(numberOf((await bench.through(bench.take(inbox))) ?? messageOf(0)), 1);
  t.is(inbox.unrecorded, 1);
  bench.disk.faults.readOnly = false;
  await bench.all(inbox);
  const again = await bench.open();
  for (const number of [1, 2]) await bench.add(again, messageOf(number));
  t.deepEqual(await bench.all(again), []);
});

const alice = 'aa'.repeat(32) as PublicKey;
const bob = 'bb'.repeat(32) as PublicKey;
const named = (number: number): string => number.toString(16).padStart(24, '0');

/** What is known after all have been taken, now and by the next run after a power cut. */
async function knownOf(limits: TakenLimits, taken: readonly (readonly [PublicKey, number])[], seed = 5) {
  const world = new World(seed);
  const disk = new SimulatedDisk(world);
  const make = (): Taken => new Taken({ disk, log: quiet }, '/d/taken', () => disk.syncDirectory('/d'), limits);
  const all = taken.map(([, number]) => number);
  const known = (memory: Taken): number[] => all.filter((number) => memory.has(named(number)));
  let isDone = false;
  const run = async () => {
    const first = make();
    await first.open();
    for (const [from, number] of taken) await first.add(from, named(number));
    const now = known(first);
    disk.powerCut();
    const second = make();
    await second.open();
    isDone = true;
    return { now, next: known(second), forgotten: first.forgotten, bytes: disk.usedBytes };
  };
  const found = run();
  await world.run(world.now + 3_600_000, () => isDone);
  return found;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test("at its limit a sender's oldest is forgotten and counted, and nothing of others, also by the next run", async (t) => {
  const flood = range(10, 29).map((number) => [alice, number] as const);
  const { now, next, forgotten, bytes } = await knownOf({ ofSender: 4, all: 256 }, [[bob, 1], [bob, 2], ...flood]);
  t.deepEqual(now, [1, 2, 26, 27, 28, 29]);
  t.deepEqual(next, now);
  t.is(forgotten, 16);
  t.is(bytes, 4096);
});

test('at the limit of all the oldest of all is forgotten', async (t) => {
  const taken = range(1, 300).map((number) => [number % 2 === 0 ? alice : bob, number] as const);
  const { now, next, forgotten, bytes } = await knownOf({ ofSender: 1000, all: 256 }, taken);
  t.deepEqual(now, range(45, 300));
  t.deepEqual(next, now);
  t.is(forgotten, 44);
  t.is(bytes, 8192);
});

test('what was taken outlasts a power cut from the first on', async (t) => {
  for (const seed of range(1, 8)) {
    t.deepEqual((await knownOf({ ofSender: 4, all: 256 }, [[alice, 1]], seed)).next, [1], `seed ${seed}`);
  }
});

test('a slot is read as its table says, and not when a bit of it is another', (t) => {
  const bytes = Buffer.alloc(slotBytes);
  const slot = { sequence: 2 ** 40 + 7, sender: 'aa01'.repeat(4), identity: named(9) };
  encodeTakenSlot(slot, bytes, 0);
  t.deepEqual(decodeTakenSlot(bytes), slot);
  t.like(takenSlot.decode(bytes), { ...slot, check: bytes.readUInt32BE(0) });
  for (let bit = 0; bit < 8 * slotBytes; bit++) {
    const wrong = Buffer.from(bytes);
    wrong.writeUInt8((wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
    t.is(decodeTakenSlot(wrong), null, `bit ${bit}`);
  }
  t.is(decodeTakenSlot(Buffer.alloc(slotBytes)), null, 'empty');
});
