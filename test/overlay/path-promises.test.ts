import test from 'ava';
import { World } from '#sim';
import { Window } from '../../agent/overlay/path/window.ts';
import { calm, pairOf, type Sent } from './path-pair.ts';

/** What only a plot shows; each of these has a mutation (path-mutations.ts) that nothing else catches. */
const second = 1000;
const minute = 60 * second;

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

const isReceived = (sent: Sent | null) => () => sent?.states.at(-1) === 'received';

test('a message that is given up is kept no longer at the far side, nor begun again by a packet that comes twice', async (t) => {
  const { world, left, right } = await acquainted(31, { delayMs: 20, bytesPerMs: 100 });
  const heard: Buffer[] = [];
  left.passes = (kind, body) => {
    if (kind === 'path') heard.push(Buffer.from(body));
    return true;
  };
  const sent = left.send(world.chance.bytes(100_000));
  await world.run(world.now + 200);
  t.is(right.exchange.counters['half_open_messages'], 1);
  const before = heard.length;
  if (sent !== null) left.abort(sent);
  await world.run(world.now + second);
  t.is(right.exchange.counters['half_open_messages'], 0);
  for (const body of heard.slice(0, before)) right.hears(left, 'path', body);
  await world.run(world.now + second);
  t.is(right.exchange.counters['half_open_messages'], 0);
});

test('of two replies to one message that differ the second is told that it did not arrive', async (t) => {
  const { world, left, right } = await acquainted(32);
  right.send(Buffer.from('acquainted the other way'));
  const asked = left.send(Buffer.from('how much?'));
  t.true(await world.run(world.now + minute, isReceived(asked)));
  const replyTo = asked?.id ?? null;
  const first = right.send(Buffer.from('five'), { replyTo });
  t.true(await world.run(world.now + minute, isReceived(first)));
  const second = right.send(Buffer.from('six'), { replyTo });
  t.true(await world.run(world.now + minute, () => second?.states.at(-1) === 'aborted'));
  t.deepEqual(
    left.got.filter(({ message }) => message.isReply).map(({ message }) => Buffer.from(message.payload).toString()),
    ['five'],
  );
});

test('a RESET of another session ends nothing', async (t) => {
  const { world, left, right } = await acquainted(33);
  const resets: Buffer[] = [];
  right.passes = (kind, body) => {
    if (kind === 'path' && body[10] === 5) resets.push(Buffer.from(body));
    return true;
  };
  right.restart();
  t.true(await world.run(world.now + minute, isReceived(left.send(Buffer.from('to the new life')))));
  t.is(resets.length, 1);
  const before = left.exchange.counters['path_resets_received'];
  for (const body of resets) left.hears(right, 'path', body);
  t.is(left.exchange.counters['path_resets_received'], before);
});

test('a path that stops carrying long packets is noticed also while short ones come through', async (t) => {
  const { world, weather, left } = await acquainted(34, { delayMs: 20 });
  t.true(await world.run(world.now + minute, isReceived(left.send(world.chance.bytes(1_000_000)))));
  weather.longestBytes = 1400;
  for (let at = 0; at < 10 * second; at += 10) world.plan(at, () => left.send(world.chance.bytes(50)));
  const before = world.now;
  t.true(await world.run(world.now + minute, isReceived(left.send(world.chance.bytes(300_000)))));
  t.true(world.now - before < 5 * second, `${world.now - before} ms`);
});

test('that a message was read is said again when the packet that said it is lost', async (t) => {
  const { world, left, right } = await acquainted(35);
  const sent = left.send(Buffer.from('read me'));
  t.true(await world.run(world.now + minute, isReceived(sent)));
  let lost = 0;
  right.passes = (kind) => kind !== 'path' || lost++ > 0;
  if (sent !== null) right.markRead(sent.id);
  t.true(await world.run(world.now + minute, () => sent?.states.at(-1) === 'read'));
});

test('that a message was read is said in the next session when the present one ends first', async (t) => {
  const { world, left, right } = await acquainted(36, {}, { path: { numbers: 12 } });
  const sent = left.send(Buffer.from('read me'));
  t.true(await world.run(world.now + minute, isReceived(sent)));
  right.passes = () => false;
  if (sent !== null) right.markRead(sent.id);
  for (let count = 0; count < 20; count++) right.send(world.chance.bytes(1200));
  const sessions = right.exchange.counters['path_sessions'] ?? 0;
  await world.run(world.now + 300);
  right.passes = () => true;
  t.true(await world.run(world.now + minute, () => sent?.states.at(-1) === 'read'));
  t.true((right.exchange.counters['path_sessions'] ?? 0) > sessions);
});

test('long messages both ways survive that their session has used up its numbers, again and again', async (t) => {
  const { world, left, right } = await acquainted(37, { longestBytes: 1500, loss: 0.01 }, { path: { numbers: 400 } });
  for (let count = 0; count < 15; count++) {
    left.send(world.chance.bytes(100_000));
    right.send(world.chance.bytes(80_000));
    await world.run(world.now + second);
  }
  t.true(await world.run(world.now + 5 * minute, () => left.open.length + right.open.length === 0));
  t.true((left.exchange.counters['path_sessions'] ?? 0) > 5);
  for (const [from, to] of [
    [left, right],
    [right, left],
  ] as const) {
    t.deepEqual(to.got.map(({ digest }) => digest).sort(), from.sent.map(({ digest }) => digest).sort());
  }
});

test('a sender whose link has no room keeps little under way, and goes on in the moment in which the link has drained', async (t) => {
  const packet = 1500;
  const { world, left } = await acquainted(38, { delayMs: 50, longestBytes: packet });
  const sent = left.send(world.chance.bytes(30_000_000));
  t.true(await world.run(world.now + minute, () => left.exchange.pathBytesUnderWay > 4 * Window.unaskedBytes));
  left.hasRoom = false;
  await world.run(world.now + second);
  const underWay = left.exchange.pathBytesUnderWay;
  t.true(underWay > 0 && underWay <= Window.unaskedBytes + packet, `${underWay} bytes`);
  const before = left.packets;
  left.drained();
  t.true(left.packets > before, 'not when the next acknowledgement comes');
  t.true(await world.run(world.now + minute, isReceived(sent)));
});
