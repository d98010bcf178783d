import test from 'ava';
import { type Node, Scene, text } from './nodes.ts';

const heard = (node: Node): string[] => node.received.map(({ payload }) => text(payload));

test('a frozen neighbour is noticed within 15 seconds while there is traffic, and dialled again', async (t) => {
  const scene = new Scene(11);
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  b.say(a.overlay.publicKey, 'before');
  t.true(await scene.until(() => a.received.length === 1, 5_000));
  const [events, reachable]: [string[], (up: boolean) => void] = [[], (up) => events.push(up ? 'up' : 'down')];
  b.overlay.onRoute((_, up) => reachable(up));
  a.host.freeze();
  b.say(a.overlay.publicKey, 'while frozen');
  const start = scene.world.now;
  t.true(await scene.until(() => events.includes('down'), 60_000));
  t.true(scene.world.now - start < 15_000, `${scene.world.now - start} ms`);
  await scene.run(20_000);
  a.host.thaw();
  t.true(await scene.until(() => a.received.length === 2, 20_000));
  await scene.run(30_000);
  t.deepEqual(heard(a), ['before', 'while frozen']);
  t.true(b.overlay.reachable(a.overlay.publicKey));
});

test('a half-open link is noticed within 15 seconds while there is traffic, and the message arrives over a new one', async (t) => {
  const scene = new Scene(12);
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  t.true(await scene.until(() => b.overlay.reachable(a.overlay.publicKey), 5_000));
  scene.network.halfOpen('a', 'b');
  b.say(a.overlay.publicKey, 'over the new link');
  const start = scene.world.now;
  t.true(await scene.until(() => a.received.length === 1, 15_000));
  t.true(scene.world.now - start < 15_000);
});

test('a half-open link without traffic is noticed by both ends within two Hellos, 40 seconds', async (t) => {
  const scene = new Scene(13);
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  await scene.run(30_000);
  scene.network.halfOpen('a', 'b');
  t.true(await scene.until(() => b.overlay.counters['links_opened'] === 2, 40_000));
  t.true(await scene.until(() => a.overlay.counters['links_closed'] === 1, 40_000));
});

test('a node that was killed or lost its power is back by itself after it has started again', async (t) => {
  for (const how of ['killed', 'power'] as const) {
    const scene = new Scene(14);
    const secret = scene.world.chance.bytes(32);
    const first = await scene.nodeOf('a', secret, []);
    const b = await scene.node('b', ['a']);
    b.say(first.overlay.publicKey, 'one');
    t.true(await scene.until(() => first.received.length === 1, 5_000));
    // Unacknowledged it would, rightly, come again to a node that remembers nothing.
    await scene.run(1_000);
    first.host.crash(how);
    b.say(first.overlay.publicKey, 'two');
    await scene.run(40_000);
    const second = await scene.nodeOf('a', secret, []);
    t.true(await scene.until(() => second.received.length === 1, 20_000), how);
    t.deepEqual(heard(second), ['two']);
  }
});

test('a static peer is dialled for ever, not more often than the back-off says', async (t) => {
  const scene = new Scene(15);
  const b = await scene.node('b', ['a']);
  let dials = 0;
  const { dial } = b.host.net;
  const counted: typeof dial = (to, events) => {
    dials++;
    return dial(to, events);
  };
  Object.assign(b.host.net, { dial: counted });
  scene.network.boot('a');
  await scene.run(3_600_000);
  t.true(dials > 700 && dials < 1500, `${dials} dials in an hour`);
  scene.network.host('a')?.crash('killed');
  const a = await scene.node('a');
  t.true(await scene.until(() => b.overlay.reachable(a.overlay.publicKey), 6_000));
});

test('a peer whose address answers with silence is dialled again after ten seconds', async (t) => {
  const scene = new Scene(16);
  const a = await scene.node('a');
  scene.network.partition('a', 'b');
  const b = await scene.node('b', ['a']);
  await scene.run(60_000);
  scene.network.heal('a', 'b');
  t.true(await scene.until(() => b.overlay.reachable(a.overlay.publicKey), 16_000));
});

test('a slow path is not taken for a dead one', async (t) => {
  const scene = new Scene(17);
  scene.network.setPath('a', 'b', { delayMs: 1500, jitterMs: 500 });
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  b.say(a.overlay.publicKey, 'slow');
  t.true(await scene.until(() => a.received.length === 1, 60_000));
  await scene.run(600_000);
  t.is(b.overlay.counters['links_opened'], 1);
});

test('a thin path that is full of data is not taken for a dead one, and everything arrives', async (t) => {
  const scene = new Scene(18);
  scene.network.setPath('a', 'b', { delayMs: 100, bytesPerMs: 8 });
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  for (let count = 0; count < 20; count++) b.say(a.overlay.publicKey, new Uint8Array(50_000).fill(count));
  t.true(await scene.until(() => a.received.length === 20, 280_000), `${a.received.length} of 20`);
  t.is(b.overlay.counters['links_opened'], 1);
  await scene.run(60_000);
  t.deepEqual(
    a.received.map(({ payload }) => payload[0]).toSorted(),
    Array.from({ length: 20 }, (_, index) => index).toSorted(),
  );
});

test('nodes that stop end their links, and the others know at once', async (t) => {
  const scene = new Scene(19);
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  t.true(await scene.until(() => b.overlay.reachable(a.overlay.publicKey), 5_000));
  await a.overlay.stop();
  t.true(await scene.until(() => !b.overlay.reachable(a.overlay.publicKey), 1_000));
  await b.overlay.stop();
  await scene.run(10);
  t.is(scene.network.linkCount('a', 'b'), 0);
});

test('messages do not fill their own link beyond its bound: nothing of a large one is dropped here', async (t) => {
  const scene = new Scene(20);
  scene.network.setPath('a', 'b', { delayMs: 20, bytesPerMs: 20_000 });
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  for (let count = 0; count < 2; count++) b.say(a.overlay.publicKey, new Uint8Array(5_000_000).fill(count));
  t.true(await scene.until(() => a.received.length === 2, 280_000), `${a.received.length} of 2`);
  const { dropped_link_full: dropped = 0, chunks_resent: resent } = b.overlay.counters;
  t.is(dropped, 0);
  t.is(resent, 0);
});
