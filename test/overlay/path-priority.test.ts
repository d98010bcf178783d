import test from 'ava';
import type { MessagePriority } from '#overlay';
import { World } from '#sim';
import { Lanes } from '../../agent/overlay/message/lanes.ts';
import { calm, pairOf, type Station } from './path-pair.ts';

const second = 1000;
const minute = 60 * second;
/** 1 Mbit/s. */
const thin = 125;

/** A pair over a thin path that knows each other. */
async function acquainted(seed: number, delayMs: number, speaksPath = true) {
  const world = new World(seed);
  const [left, right] = pairOf(world, { ...calm(), delayMs, bytesPerMs: thin });
  right.speaksPath = speaksPath;
  left.send(Buffer.from('the first asks'));
  await world.run(20 * second);
  return { world, left, right };
}

/** How long each of `count` urgent messages takes to its receiver, in order of length. */
async function urgentMs(world: World, left: Station, right: Station, count: number): Promise<number[]> {
  const sentAt = new Map<string, number>();
  const took: number[] = [];
  right.onReceived = ({ id }) => {
    const at = sentAt.get(id);
    if (at !== undefined) took.push(world.now - at);
  };
  for (let index = 0; index < count; index++) {
    world.plan(index * 500 + world.chance.fraction() * 300, () => {
      const sent = left.send(world.chance.bytes(200), { priority: 0 });
      if (sent !== null) sentAt.set(sent.id, world.now);
    });
  }
  await world.run(world.now + (count + 20) * 500);
  return took.sort((a, b) => a - b);
}

const p99 = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;

for (const delayMs of [10, 20, 40, 100]) {
  test(`under 64 MB of bulk over 1 Mbit/s and ${2 * delayMs} ms an urgent message takes at most twice as long as in an idle path`, async (t) => {
    const { world, left, right } = await acquainted(delayMs, delayMs);
    const idle = p99(await urgentMs(world, left, right, 100));
    const before = left.bytes;
    const startedAt = world.now;
    left.send(Buffer.alloc(64 * 1024 * 1024), { priority: 2, isPatient: true, deadlineMs: 30 * minute });
    await world.run(world.now + 5 * second);
    const busy = await urgentMs(world, left, right, 400);
    const share = (left.bytes - before) / (world.now - startedAt) / thin;
    t.is(busy.length, 400);
    t.true(p99(busy) <= 2 * idle, `p99 ${p99(busy)} ms, idle ${idle} ms`);
    t.true(share > 0.9, `${Math.round(share * 100)} % of the path used`);
  });
}

/** In the order in which they are sent. */
const kinds = [
  [2, 'bulk', 150_000],
  [1, 'normal', 60_000],
  [0, 'urgent', 30_000],
] as const;

test('in messages too what is urgent goes before what is normal, and that before bulk', async (t) => {
  const { world, left, right } = await acquainted(7, 20, false);
  const order: string[] = [];
  right.onReceived = ({ topic }) => order.push(Buffer.from(topic).toString());
  left.together(() => {
    for (const [priority, topic, length] of kinds) {
      left.send(world.chance.bytes(length), { priority, topic: Buffer.from(topic) });
    }
  });
  t.true(await world.run(world.now + 2 * minute, () => order.length === 3));
  t.deepEqual(order, ['urgent', 'normal', 'bulk']);
});

test('bulk does not starve under urgent messages without an end', async (t) => {
  const { world, left, right } = await acquainted(8, 20);
  const more = (): void => {
    for (let count = left.open.length; count < 60; count++) left.send(world.chance.bytes(1000), { priority: 0 });
  };
  more();
  const bulk = left.send(world.chance.bytes(60_000), { priority: 2 });
  right.onReceived = () => world.plan(0, more);
  t.true(await world.run(world.now + 2 * minute, () => bulk?.states.at(-1) === 'received'));
});

test('of sixteen turns one is that of a lane that others have passed, and no more', (t) => {
  const lanes = new Lanes<{ readonly priority: MessagePriority }>();
  for (let index = 0; index < 160; index++) for (const priority of [2, 1, 0] as const) lanes.push({ priority });
  const turns = { 0: 0, 1: 0, 2: 0 };
  for (let index = 0; index < 160; index++) {
    const item = lanes.peek();
    if (item === undefined) return t.fail();
    turns[item.priority]++;
    lanes.shift(item);
  }
  t.deepEqual(turns, { 0: 141, 1: 9, 2: 10 });
});
