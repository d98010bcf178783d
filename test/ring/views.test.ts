import test from 'ava';
import { connect } from 'mqtt';
import type { Cursor, MessageRecord } from '#ring';
import { ReadBuffers } from '../../agent/ring/read-buffers.ts';
import { bench as brokerBench, client as mqttClient } from '../broker/kit.ts';
import { arrived, serving, sound, start } from '../bus/kit.ts';
import { Bench, message, text } from './bench.ts';

// Everything that is given back is overwritten, so that whoever still holds a view of it reads nonsense.
let given = 0;
const { giveBack } = ReadBuffers.prototype;
ReadBuffers.prototype.giveBack = function (buffer) {
  given++;
  giveBack.call(this, buffer.fill(0xdd));
};

const textOf = (index: number): string => `${index} `.padEnd(1_000, 'x');

/** A ring that holds `count` records on the disk alone, and two cursors that have read none. */
async function full(seed: number, count: number): Promise<{ bench: Bench; cursors: Cursor[] }> {
  const bench = new Bench(seed);
  const options = { sizeBytes: 64 * 1024 * 1024 };
  const ring = await bench.open(options);
  for (const name of ['one', 'two']) ring.cursor({ name, filters: ['#'], except: null, from: 'now' });
  for (let index = 0; index < count; ) {
    const appended = ring.append(Array.from({ length: 100 }, () => message('a', textOf(index++))));
    if (!appended.ok) throw new Error(appended.reason);
    await bench.until(ring.whenDurable(appended.last));
  }
  await bench.until(ring.close());
  const again = await bench.open(options);
  const cursors = ['one', 'two'].map((name) => again.cursor({ name, filters: ['#'], except: null, from: 'now' }));
  return { bench, cursors };
}

const wrongOf = (records: readonly MessageRecord[], first: number): number =>
  records.filter(({ body }, index) => text(body) !== textOf(first + index)).length;

test('what a cursor read stays as it is until its next read, whatever other cursors do', async (t) => {
  const { bench, cursors } = await full(1, 3_000);
  const [one, two] = cursors as [Cursor, Cursor];
  given = 0;
  let held = (await bench.until(one.read(700, 1e7))) as MessageRecord[];
  for (let first = 0; first < 2_100; first += 700) {
    for (let turn = 0; turn < 4; turn++) await bench.until(two.read(200, 1e6));
    two.rewind();
    t.is(wrongOf(held, first), 0);
    const last = held.at(-1) as MessageRecord;
    one.rewind();
    t.is(wrongOf(held, first), 0);
    one.settle(last.sequence);
    held = (await bench.until(one.read(700, 1e7))) as MessageRecord[];
  }
  t.true(given > 4, `${given} buffers used again`);
});

test('what is held beyond the next read is overwritten: the poison of these tests works (negative control)', async (t) => {
  const { bench, cursors } = await full(2, 3_000);
  const [one] = cursors as [Cursor];
  const held = (await bench.until(one.read(700, 1e7))) as MessageRecord[];
  await bench.until(one.read(700, 1e7));
  await bench.until(one.read(700, 1e7));
  t.true(wrongOf(held, 0) > 0);
});

test('the bus keeps no view of what it read: a backlog arrives whole', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  b.die('power');
  for (let round = 0; round < 30; round++) {
    a.publish(100, 1, () => 'plant/1', 800);
    await scene.run(50);
  }
  a.die('power');
  given = 0;
  await Promise.all([start(scene, a), start(scene, b)]);
  t.true(await scene.until(() => arrived(scene), 120_000));
  t.deepEqual(sound(scene), []);
  t.true(given > 0, 'buffers were used again');
});

test('a session keeps no view of what it read: its queue arrives whole and in order', async (t) => {
  const at = await brokerBench(t, { broker: { inflight: 50 } });
  const count = 2_000;
  const first = await mqttClient(t, at, { clientId: 'reader', clean: false });
  await first.subscribeAsync('plant/#', { qos: 1 });
  await first.endAsync();
  const sensor = await mqttClient(t, at, { clientId: 'sensor' });
  const numbers = Array.from({ length: count }, (_, index) => index);
  await Promise.all(numbers.map((index) => sensor.publishAsync('plant/a', textOf(index), { qos: 1 })));
  await sensor.endAsync();
  await at.crash();
  await at.start();
  given = 0;
  const found: string[] = [];
  const second = connect({ host: '127.0.0.1', port: at.port, clientId: 'reader', clean: false, manualConnect: true });
  t.teardown(() => second.endAsync(true));
  await new Promise<void>((resolve) => {
    second.on('message', (_topic, payload) => {
      found.push(payload.toString());
      if (found.length === count) resolve();
    });
    second.connect();
  });
  t.deepEqual(
    found.map((each, index) => each === textOf(index)).filter((isRight) => !isRight),
    [],
  );
  t.true(given > 0, 'buffers were used again');
});
