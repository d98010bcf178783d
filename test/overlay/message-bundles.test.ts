import test from 'ava';
import { World } from '#sim';
import { Bundle, eachInBundle } from '../../agent/overlay/message/bundle.ts';
import { calm, pairOf, type Station } from './message-pair.ts';

const second = 1000;

const areOver = (station: Station) => () =>
  [...station.sent.values()].every(({ states }) => ['received', 'aborted'].includes(states.at(-1) ?? 'pending'));

/** Counts the bundles and the lone packets of a station. */
function formsOf(station: Station, loses: (form: string) => boolean = () => false): Record<string, number> {
  const forms: Record<string, number> = { packet: 0, bundle: 0 };
  station.passes = (_body, form) => {
    forms[form] = (forms[form] ?? 0) + 1;
    return !loses(form);
  };
  return forms;
}

test('between two of ours messages that are sent together share sealed packets, and so do their answers', async (t) => {
  const world = new World(1);
  const [left, right] = pairOf(world, calm(), { largeBundleBytes: 1400 });
  left.send(Buffer.from('the first learns'));
  await world.run(second);
  const before = { left: left.packets, right: right.packets };
  const payloads = Array.from({ length: 4 }, () => world.chance.bytes(200));
  left.together(() => {
    for (const payload of payloads) left.send(payload);
  });
  t.true(await world.run(2 * second, areOver(left)));
  t.is(left.packets - before.left, 1);
  t.is(right.packets - before.right, 1);
  t.deepEqual(
    right.received.slice(1).map(({ payload }) => Buffer.from(payload)),
    payloads.map((payload) => Buffer.from(payload)),
  );
});

test('a far side that does not know bundles is asked with one now and then, and loses nothing and no time by it', async (t) => {
  const world = new World(2);
  const [left, right] = pairOf(world, calm());
  const forms = formsOf(left, (form) => form === 'bundle');
  formsOf(right, (form) => form === 'bundle');
  for (let at = 0; at < 5 * second; at += 100) world.plan(at, () => left.send(world.chance.bytes(300)));
  await world.run(5 * second);
  t.true(await world.run(6 * second, areOver(left)));
  t.is(right.received.length, 50);
  t.is(forms['bundle'], 1);
  t.is(left.machine.counters['retry_timeouts'], 0);
});

test('a far side that knows bundles no longer gets lone packets after one silence', async (t) => {
  const world = new World(3);
  const [left, right] = pairOf(world, calm());
  left.send(Buffer.from('learns'));
  await world.run(second);
  formsOf(left, (form) => form === 'bundle');
  formsOf(right, (form) => form === 'bundle');
  right.restart();
  left.send(Buffer.from('into the void, then alone'));
  t.true(await world.run(10 * second, areOver(left)));
  t.is(right.received.length, 2);
  t.is(left.machine.counters['messages_acked'], 2);
});

test('where the path carries it, many small messages share one large packet', async (t) => {
  const world = new World(4);
  const [left, right] = pairOf(world, calm());
  for (const at of [0, 100]) world.plan(at, () => left.send(Buffer.from('learns')));
  await world.run(second);
  const before = left.packets;
  left.together(() => {
    for (let count = 0; count < 40; count++) left.send(world.chance.bytes(200));
  });
  t.true(await world.run(2 * second, areOver(left)));
  t.is(left.packets - before, 1);
  t.is(right.received.length, 42);
});

test('a path that carries no large packets is asked once in ten minutes, and nothing else is lost on it', async (t) => {
  const world = new World(5);
  const [left, right] = pairOf(world, calm());
  left.longestBytes = 1400;
  for (let at = 0; at < 20 * 60 * second; at += 5 * second) world.plan(at, () => left.send(world.chance.bytes(9000)));
  await world.run(20 * 60 * second);
  t.true(await world.run(21 * 60 * second, areOver(left)));
  t.is(right.received.length, 240);
  t.is(left.tooLong, 2);
  t.is(left.machine.counters['retry_timeouts'], 0);
});

test('a path that carries large packets no longer costs one silence', async (t) => {
  const world = new World(6);
  const [left, right] = pairOf(world, calm());
  for (const at of [0, 100]) world.plan(at, () => left.send(Buffer.from('learns')));
  await world.run(second);
  left.longestBytes = 1400;
  left.send(world.chance.bytes(100_000));
  t.true(await world.run(10 * second, areOver(left)));
  t.is(right.received.length, 3);
  t.is(left.machine.counters['retry_timeouts'], 1);
});

test('a bundle that is cut short gives what was whole and is counted', (t) => {
  const bundle = new Bundle();
  t.true(bundle.add(Buffer.from('one'), 64));
  t.true(bundle.add(Buffer.from('two'), 64));
  t.false(bundle.add(Buffer.alloc(64), 64));
  const seen: string[] = [];
  t.true(eachInBundle(bundle.bytes, (packet) => seen.push(packet.toString())));
  t.false(eachInBundle(bundle.bytes.subarray(0, -1), (packet) => seen.push(packet.toString())));
  t.false(eachInBundle(Buffer.from([0]), (packet) => seen.push(packet.toString())));
  t.deepEqual(seen, ['one', 'two', 'one']);
});
