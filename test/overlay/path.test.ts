import test from 'ava';
import { World } from '#sim';
import { calm, pairOf, type Station } from './path-pair.ts';

const second = 1000;
const minute = 60 * second;

const isOver = (station: Station) => () => station.open.length === 0;

/** A pair that knows each other: the first message went in the old form and asked. */
async function acquainted(
  seed: number,
  change: Partial<ReturnType<typeof calm>> = {},
  options: Parameters<typeof pairOf>[2] = {},
) {
  const world = new World(seed);
  const weather = { ...calm(), ...change };
  const [left, right] = pairOf(world, weather, options);
  left.send(Buffer.from('the first asks'));
  await world.run(5 * second);
  return { world, weather, left, right };
}

test('a small message costs one packet there and one back, and one round trip', async (t) => {
  const { world, left, right } = await acquainted(1, { delayMs: 50 });
  const [before, sentBefore, answeredBefore] = [world.now, left.packets, right.packets];
  left.send(world.chance.bytes(200));
  t.true(await world.run(minute, isOver(left)));
  t.is(world.now - before, 100);
  t.is(left.packets - sentBefore, 1);
  t.is(right.packets - answeredBefore, 1);
});

test('messages of one tick share a packet, and their acknowledgement too', async (t) => {
  const { world, left, right } = await acquainted(2);
  const [sentBefore, answeredBefore] = [left.packets, right.packets];
  left.together(() => {
    for (let count = 0; count < 5; count++) left.send(world.chance.bytes(200));
  });
  t.true(await world.run(minute, isOver(left)));
  t.is(left.packets - sentBefore, 1);
  t.is(right.packets - answeredBefore, 1);
});

test('in a conversation of patient messages acknowledgements ride: one packet each way a question', async (t) => {
  const { world, left, right } = await acquainted(3);
  right.onReceived = () => right.send(Buffer.from('durable here'), { isPatient: true });
  const [sentBefore, answeredBefore] = [left.packets, right.packets];
  for (let at = 0; at < 100; at++) {
    world.plan(at * 20, () => left.send(world.chance.bytes(150), { isPatient: true }));
  }
  t.true(await world.run(minute, () => left.sent.length === 101 && left.open.length + right.open.length === 0));
  t.true(left.packets - sentBefore <= 102, `${left.packets - sentBefore} packets for 100 questions`);
  t.true(right.packets - answeredBefore <= 102, `${right.packets - answeredBefore} packets for 100 answers`);
});

test('over a thin path the window fills the path and not its queue', async (t) => {
  const { world, left } = await acquainted(4, { delayMs: 40, bytesPerMs: 250 });
  const before = world.now;
  left.send(world.chance.bytes(5_000_000));
  t.true(await world.run(5 * minute, isOver(left)));
  const share = 5_000_000 / (world.now - before) / 250;
  t.true(share > 0.8, `${Math.round(share * 100)} % of the path used`);
  t.true(left.longestWaitMs < 150, `${Math.round(left.longestWaitMs)} ms of queue`);
});

test('a small message overtakes a long one on a thin path', async (t) => {
  const { world, left } = await acquainted(5, { delayMs: 20, bytesPerMs: 250 });
  left.send(world.chance.bytes(2_000_000));
  await world.run(world.now + second);
  const before = world.now;
  const small = left.send(Buffer.from('urgent'));
  t.true(await world.run(minute, () => small?.states.at(-1) === 'received'));
  t.true(world.now - before < 200, `${world.now - before} ms`);
});

test('losses do not shrink the window: a path that loses one packet in fifty is still used', async (t) => {
  const { world, left } = await acquainted(6, { delayMs: 20, loss: 0.02, bytesPerMs: 1000 });
  const before = world.now;
  left.send(world.chance.bytes(5_000_000));
  t.true(await world.run(5 * minute, isOver(left)));
  t.true(5_000_000 / (world.now - before) > 500);
});

test('long packets are used where the path carries them, and asked for with data that waits anyway', async (t) => {
  const { world, left } = await acquainted(7);
  const before = left.packets;
  left.send(world.chance.bytes(3_000_000));
  t.true(await world.run(minute, isOver(left)));
  t.true(left.packets - before < 600, `${left.packets - before} packets for 3 MB`);
});

test('a path that carries only 1,400 bytes is asked for more three times in ten minutes', async (t) => {
  const { world, left } = await acquainted(8, { longestBytes: 1400 });
  for (let at = 0; at < 9 * minute; at += 5 * second) world.plan(at, () => left.send(world.chance.bytes(50_000)));
  await world.run(10 * minute);
  t.true(await world.run(11 * minute, isOver(left)));
  t.is(left.exchange.counters['path_packets_lost'], 3);
  t.is(left.exchange.counters['path_messages_handed_over'], 0);
});

test('a path that stops carrying long packets is noticed and used with short ones', async (t) => {
  const { world, weather, left, right } = await acquainted(9);
  left.send(world.chance.bytes(1_000_000));
  t.true(await world.run(minute, isOver(left)));
  weather.longestBytes = 1400;
  const before = world.now;
  left.send(world.chance.bytes(1_000_000));
  t.true(await world.run(before + minute, isOver(left)));
  t.true(world.now - before < 5 * second, `${world.now - before} ms`);
  t.is(right.got.length, 3);
  t.is(left.exchange.counters['path_messages_handed_over'], 0);
});

test('a restart of the far side is noticed within a round trip, and what was under way arrives', async (t) => {
  const { world, left, right } = await acquainted(10, { delayMs: 50 });
  right.restart();
  const before = world.now;
  const sent = left.send(Buffer.from('to the new life'));
  t.true(await world.run(minute, () => (left.exchange.counters['path_resets_received'] ?? 0) > 0));
  t.is(world.now - before, 100);
  t.true(await world.run(minute, () => sent?.states.at(-1) === 'received'));
  t.true(world.now - before <= 300, 'one more round trip for the session, one for the message');
  t.is(right.got.filter(({ life }) => life === 1).length, 1);
});

test('packets of an earlier life, and our own come back, change nothing', async (t) => {
  const { world, left, right } = await acquainted(11);
  const heard: Buffer[] = [];
  left.passes = (kind, body) => {
    if (kind === 'path') heard.push(Buffer.from(body));
    return true;
  };
  for (let count = 0; count < 5; count++) left.send(world.chance.bytes(300));
  await world.run(world.now + second);
  right.restart();
  left.restart();
  const greeted = left.send(Buffer.from('new lives'));
  t.true(await world.run(minute, () => greeted?.states.at(-1) === 'received'));
  await world.run(world.now + second);
  const [got, back] = [right.got.length, left.got.length];
  for (const body of heard) {
    right.hears(left, 'path', body);
    left.hears(right, 'path', body);
  }
  await world.run(world.now + second);
  t.is(right.got.length, got);
  t.is(left.got.length, back);
  const after = left.send(Buffer.from('and on it goes'));
  t.true(await world.run(world.now + second, () => after?.states.at(-1) === 'received'));
});

test('a far side that speaks messages alone is asked ever more rarely, and loses nothing by it', async (t) => {
  const world = new World(12);
  const [left, right] = pairOf(world, calm());
  right.speaksPath = false;
  for (let at = 0; at < 60 * minute; at += 5 * second) world.plan(at, () => left.send(world.chance.bytes(100)));
  await world.run(60 * minute);
  t.is(right.got.length, 720);
  const hellos = left.exchange.counters['path_hellos_sent'] ?? 0;
  t.true(hellos <= 40, `${hellos} questions in an hour`);
  t.is(left.exchange.counters['retry_timeouts'], 0);
});

test('a far side that falls silent on the path is reached with messages, once', async (t) => {
  const { world, left, right } = await acquainted(13);
  right.speaksPath = false;
  const sent = left.send(world.chance.bytes(5000));
  t.true(await world.run(2 * minute, () => sent?.states.at(-1) === 'received'));
  t.is(left.exchange.counters['path_messages_handed_over'], 1);
  right.speaksPath = true;
  const again = left.send(Buffer.from('asks'));
  t.true(await world.run(4 * minute, () => again?.states.at(-1) === 'received'));
  await world.run(5 * minute);
  t.is(right.got.length, 3);
});

test('what is not admitted is kept nowhere, and arrives when it is', async (t) => {
  const { world, left, right } = await acquainted(14);
  right.admit = () => false;
  const sent = left.send(world.chance.bytes(100_000));
  await world.run(world.now + minute);
  t.is(right.exchange.counters['half_open_bytes'], 0);
  t.deepEqual(sent?.states, ['sending']);
  t.true(left.bytes < 700_000, `${left.bytes} bytes sent to deaf ears in a minute`);
  right.admit = () => true;
  t.true(await world.run(world.now + minute, isOver(left)));
});

test('a message that is made durable first is acknowledged only then', async (t) => {
  const { world, left, right } = await acquainted(15);
  right.store = () => new Promise((resolve) => world.plan(700, () => resolve(true)));
  const before = world.now;
  const sent = left.send(world.chance.bytes(200));
  t.true(await world.run(minute, () => sent?.states.at(-1) === 'received'));
  t.true(world.now - before >= 700 && world.now - before < 800, `${world.now - before} ms`);
  t.is(right.got.length, 2);
});

test('a session that has used up its numbers is followed by another', async (t) => {
  const { world, left, right } = await acquainted(16, {}, { path: { numbers: 50 } });
  for (let at = 0; at < 400; at++) world.plan(at * 20, () => left.send(world.chance.bytes(100)));
  await world.run(world.now + 20 * second);
  t.is(left.open.length, 0);
  t.is(right.got.length, 401);
  t.true((left.exchange.counters['path_sessions'] ?? 0) > 5);
});

test('a stranger who says HELLO under thousands of keys gets a bounded table', async (t) => {
  const { world, left, right } = await acquainted(17);
  const greeting: Buffer[] = [];
  left.passes = (kind, body) => {
    if (kind === 'path') greeting.push(Buffer.from(body));
    return true;
  };
  left.restart();
  left.send(Buffer.from('asks anew'));
  await world.run(world.now + second);
  const [hello] = greeting;
  for (let name = 0x1000; hello !== undefined && name < 0x1000 + 5000; name++) {
    const hex = name.toString(16).padStart(16, '4');
    const body = Buffer.from(hello);
    body.write(hex, 18, 8, 'hex');
    right.hears({ key: hex.padStart(64, '0') as never, address: hex.padEnd(32, '0') as never }, 'path', body);
  }
  t.true((right.exchange.counters['path_destinations'] ?? 0) <= 1024);
  const sent = left.send(Buffer.from('still here'));
  t.true(await world.run(world.now + 5 * second, () => sent?.states.at(-1) === 'received'));
});
