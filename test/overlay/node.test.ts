import test from 'ava';
import { Scene, text } from './nodes.ts';

test('two neighbours exchange messages within a few round trips of their first contact', async (t) => {
  const scene = new Scene(1);
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  const states: string[] = [];
  b.say(a.overlay.publicKey, 'hello', states);
  t.true(await scene.until(() => a.received.length === 1, 5_000));
  t.is(text(a.received[0]?.payload ?? new Uint8Array()), 'hello');
  t.is(a.received[0]?.from, b.overlay.publicKey);
  a.say(b.overlay.publicKey, 'and back');
  t.true(await scene.until(() => b.received.length === 1 && states.includes('received'), 5_000));
  t.true(scene.world.now < 6_000);
});

test('a megabyte arrives whole', async (t) => {
  const scene = new Scene(2);
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  const payload = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251);
  b.say(a.overlay.publicKey, payload);
  t.true(await scene.until(() => a.received.length === 1, 60_000));
  t.deepEqual(Uint8Array.from(a.received[0]?.payload ?? []), payload);
});

test('nodes that are no neighbours talk across one in between, and again after the link was cut and has healed', async (t) => {
  const scene = new Scene(3);
  const b = await scene.node('b');
  const a = await scene.node('a', ['b']);
  const c = await scene.node('c', ['b']);
  a.say(c.overlay.publicKey, 'across');
  t.true(await scene.until(() => c.received.length === 1, 10_000));
  t.true((b.overlay.counters['packets_forwarded'] ?? 0) > 0);
  scene.network.cut('a', 'b');
  a.say(c.overlay.publicKey, 'after the cut');
  t.true(await scene.until(() => c.received.length === 2, 10_000));
  scene.network.partition('b', 'c');
  a.say(c.overlay.publicKey, 'into the partition');
  await scene.run(60_000);
  t.is(c.received.length, 2);
  scene.network.heal('b', 'c');
  t.true(await scene.until(() => c.received.length === 3, 20_000));
  c.say(a.overlay.publicKey, 'home');
  t.true(await scene.until(() => a.received.length === 1, 10_000));
});
