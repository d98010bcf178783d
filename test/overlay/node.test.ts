import test from 'ava';
import { isAgentError } from '#kernel';
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

test('a node that carries nothing for others is still reached, and nothing crosses it', async (t) => {
  const scene = new Scene(4);
  const b = await scene.node('b', [], { transit: false });
  const a = await scene.node('a', ['b']);
  const c = await scene.node('c', ['b']);
  a.say(c.overlay.publicKey, 'across');
  a.say(b.overlay.publicKey, 'to the middle');
  t.true(await scene.until(() => b.received.length === 1, 10_000));
  await scene.run(60_000);
  t.is(c.received.length, 0);
  t.false(a.overlay.reachable(c.overlay.publicKey));
});

test('a listen address that is taken is refused, and nothing goes on behind it', async (t) => {
  const scene = new Scene(5);
  const host = scene.network.boot('a');
  await host.net.listen({ host: '::', port: 9651 }, () => ({ opened() {}, received() {}, drained() {}, closed() {} }));
  const { overlay } = scene.made(host, scene.world.chance.bytes(32), ['b']);
  const error = await t.throwsAsync(overlay.start());
  t.true(isAgentError(error, 'net/in-use'));
  const b = scene.network.boot('b');
  let visits = 0;
  await b.net.listen({ host: '::', port: 9651 }, () => {
    visits++;
    return { opened() {}, received() {}, drained() {}, closed() {} };
  });
  await scene.run(60_000);
  t.is(visits, 0);
});

test('a message to the node itself arrives without leaving it', async (t) => {
  const scene = new Scene(6);
  const a = await scene.node('a');
  const states: string[] = [];
  a.say(a.overlay.publicKey, 'note', states);
  t.true(await scene.until(() => a.received.length === 1 && states.includes('received'), 1_000));
  t.is(a.overlay.counters['packets_sent'], undefined);
});

test('one seed gives one history', async (t) => {
  const history = async (): Promise<unknown> => {
    const scene = new Scene(7);
    scene.network.setDefaults({ delayMs: 20, jitterMs: 15 });
    const [hub, a, b] = [await scene.node('hub'), await scene.node('a', ['hub']), await scene.node('b', ['hub', 'a'])];
    for (let round = 0; round < 20; round++) {
      a.say(b.overlay.publicKey, scene.world.chance.bytes(scene.world.chance.between(0, 20_000)));
      if (round % 5 === 0) scene.network.cut('hub', 'a');
      if (round === 7) scene.network.halfOpen('a', 'b');
      await scene.run(2_000);
    }
    await scene.run(30_000);
    t.is(b.received.length, 20);
    return [hub, a, b].map(({ overlay }) => [overlay.counters, overlay.routes()]);
  };
  t.deepEqual(await history(), await history());
});
