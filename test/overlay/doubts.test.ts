import test from 'ava';
import { addressOf } from '#crypto';
import type { PublicKey } from '#kernel';
import { Chance } from '#sim';
import { type Node, Scene } from './nodes.ts';
import { originOf } from './router-lab.ts';
import { one, Pair, two } from './router-pair.ts';
import { Speaker } from './speaker.ts';

test('a next hop that leads nowhere is avoided for a minute, the next time for two, and used again after that', (t) => {
  const pair = new Pair();
  pair.announce(one, 20);
  pair.announce(two, 20);
  t.is(pair.hop, one);
  pair.doubt(one);
  t.is(pair.hop, two);
  pair.pass(59_000);
  t.is(pair.hop, two);
  pair.pass(2_000);
  t.is(pair.hop, one);
  pair.doubt(one);
  pair.pass(100_000);
  t.is(pair.hop, two);
  pair.pass(30_000);
  t.is(pair.hop, one);
});

test('a doubted next hop that is the only one is used, and while all are doubted each has its turn', (t) => {
  const pair = new Pair();
  pair.announce(one, 20);
  const said = pair.doubt(one);
  t.is(pair.hop, one);
  t.deepEqual(
    said.map((effect) => effect.kind === 'send' && [effect.peer, effect.packet.kind]),
    [
      [one, 'route-request'],
      [two, 'route-request'],
    ],
    'all neighbours are asked for another',
  );
  pair.announce(two, 30);
  t.is(pair.hop, two);
  pair.doubt(two);
  t.is(pair.hop, one, 'doubted before the other was');
  pair.doubt(one);
  t.is(pair.hop, one, 'not over and over: once in a quarter of a minute');
  pair.pass(16_000);
  pair.doubt(one);
  t.is(pair.hop, two);
});

test('a way that is barred for a newer sequence number is asked for one as soon as the other is doubted', (t) => {
  const pair = new Pair();
  pair.announce(one, 20, 7);
  pair.announce(two, 200, 7);
  const said = pair.doubt(one);
  t.is(pair.hop, one, 'feasibility comes first');
  t.true(
    said.some(
      (effect) =>
        effect.kind === 'send' &&
        effect.peer === two &&
        effect.packet.kind === 'seqno-request' &&
        effect.packet.seqno === 8,
    ),
  );
  pair.announce(two, 200, 8);
  t.is(pair.hop, two);
});

test('doubts about any number of nodes take a bounded table', (t) => {
  const pair = new Pair({ maxDoubts: 50 });
  const chance = new Chance(6);
  for (let node = 0; node < 500; node++) {
    const origin = originOf(chance);
    pair.announce(one, 20, 0, origin);
    pair.doubt(one, origin.subnet);
  }
  t.is(pair.router.counters()['doubts'], 50);
  t.is(pair.router.counters()['doubts_forgotten'], 450);
});

const count = (node: Node, name: string): number => node.overlay.counters[name] ?? 0;

/** `a` has two neighbours: `b`, over which `c` is reached, and one that says that it is `c`. */
async function besideLiar(seed: number): Promise<{ scene: Scene; a: Node; c: Node; liar: Speaker }> {
  const scene = new Scene(seed);
  const b = await scene.node('b');
  const c = await scene.node('c', ['b']);
  const a = await scene.node('a', ['b'], { betterPath: false });
  await scene.until(() => a.overlay.reachable(c.overlay.publicKey), 5_000);
  await scene.run(1_000);
  const liar = new Speaker(scene, a);
  await scene.run(1_000);
  liar.announce(c.overlay.publicKey);
  await scene.run(1_000);
  void b;
  return { scene, a, c, liar };
}

const routeTo = (node: Node, key: PublicKey) =>
  node.overlay.routes().find((route) => route.selected && route.publicKey === key);

test('a neighbour that swallows what it says it carries is left after 8 s, and the message goes the other way', async (t) => {
  const { scene, a, c, liar } = await besideLiar(81);
  const to = c.overlay.publicKey;
  t.is(routeTo(a, to)?.metric, 0, 'it is believed');
  a.say(to, 'through');
  t.true(await scene.until(() => c.received.length === 1, 8_000));
  t.true(liar.passing.length > 0);
  t.is(count(a, 'routes_doubted_silent'), 1);
  t.not(routeTo(a, to)?.metric, 0);
});

test('a router that says that our packet ended there, and quotes it, is left at once', async (t) => {
  const { scene, a, c, liar } = await besideLiar(82);
  a.say(c.overlay.publicKey, 'through');
  t.true(await scene.until(() => liar.passing.length > 0, 5_000));
  for (const frame of liar.passing) liar.bury(a, c.overlay.address, frame.payload);
  await scene.run(100);
  t.not(routeTo(a, c.overlay.publicKey)?.metric, 0);
  t.true(await scene.until(() => c.received.length === 1, 1_500), 'with the next try');
  t.is(count(a, 'routes_doubted_died'), 1);
});

test('who says that a packet ended without having seen one of the last half minute changes no route', async (t) => {
  const { scene, a, c, liar } = await besideLiar(83);
  const to = c.overlay.publicKey;
  const states: string[] = [];
  a.overlay.send({
    to,
    topic: new Uint8Array(0),
    payload: Buffer.from('x'),
    replyTo: null,
    deadlineMs: 500,
    changed: (state) => states.push(state),
  });
  t.true(await scene.until(() => liar.passing.length > 0, 5_000));
  const [seen] = liar.passing;
  const other = addressOf(liar.identity.publicKey);
  const payload = seen?.payload ?? new Uint8Array(0);
  liar.bury(a, c.overlay.address, Buffer.alloc(60, 7));
  liar.bury(a, c.overlay.address, new Uint8Array(0));
  liar.bury(a, c.overlay.address, payload.subarray(0, -1));
  liar.bury(a, other, payload);
  await scene.run(1_000);
  t.is(count(a, 'icmp_not_believed'), 4);
  await scene.run(30_000);
  liar.bury(a, c.overlay.address, payload);
  await scene.run(1_000);
  t.is(count(a, 'icmp_not_believed'), 5);
  t.is(count(a, 'routes_doubted_died'), 0);
  t.is(routeTo(a, to)?.metric, 0);
  t.deepEqual(states, ['sending', 'aborted'].slice(-states.length));
});
