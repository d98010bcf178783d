import test from 'ava';
import { type Node, port, Scene } from './nodes.ts';

const alive = (node: Node): boolean => node.overlay.peers()[0]?.state === 'alive';

/** How long after `act` the link of b to a stands again, in milliseconds. */
async function backAfter(scene: Scene, b: Node, act: () => Promise<void>): Promise<number> {
  await act();
  const start = scene.world.now;
  if (!(await scene.until(() => alive(b), 60_000))) return Number.POSITIVE_INFINITY;
  return scene.world.now - start;
}

async function pair(seed: number): Promise<{ scene: Scene; a: Node; b: Node }> {
  const scene = new Scene(seed);
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  await scene.until(() => alive(b), 5_000);
  await scene.run(10_000);
  return { scene, a, b };
}

test('a link that stood well and was cut stands again within 100 ms', async (t) => {
  for (let seed = 51; seed < 56; seed++) {
    const { scene, b } = await pair(seed);
    const took = await backAfter(scene, b, async () => {
      scene.network.cut('a', 'b');
      await scene.until(() => !alive(b), 1_000);
    });
    t.true(took < 100, `${took} ms, seed ${seed}`);
  }
});

test('a link that does not stand is dialled ever more rarely, and its status says why', async (t) => {
  const { scene, a, b } = await pair(56);
  a.host.crash('killed');
  await scene.run(60_000);
  const [peer] = b.overlay.peers();
  t.is(peer?.state, 'dead');
  t.regex(peer?.why ?? '', /refused/);
  const failures = peer?.failures ?? 0;
  t.true(failures >= 12 && failures <= 30, `${failures} attempts in a minute`);
  await scene.node('a');
  t.true(await scene.until(() => alive(b), 5_100));
  t.like(b.overlay.peers()[0], { why: null, failures: 0 });
});

test('when the addresses of the machine change, a peer that waits is dialled within seconds, not after its back-off', async (t) => {
  for (let seed = 57; seed < 62; seed++) {
    const { scene, b } = await pair(seed);
    scene.network.partition('a', 'b');
    scene.network.cut('a', 'b');
    await scene.run(120_000);
    const took = await backAfter(scene, b, async () => {
      scene.network.heal('a', 'b');
      scene.network.ether.plug('b', 'wwan0', 'lte');
    });
    t.true(took < 2_100, `${took} ms, seed ${seed}`);
  }
});

test('a link over an address that is gone is noticed within twenty seconds, without any traffic', async (t) => {
  const { scene, b } = await pair(62);
  await scene.run(1_000);
  scene.network.halfOpen('a', 'b');
  scene.network.ether.plug('b', 'wwan0', 'lte');
  const start = scene.world.now;
  t.true(await scene.until(() => b.overlay.counters['links_opened'] === 2, 30_000));
  t.true(scene.world.now - start < 20_000, `${scene.world.now - start} ms`);
});

test('the first of our links that stands again brings the others along', async (t) => {
  for (let seed = 66; seed < 74; seed++) {
    const scene = new Scene(seed);
    const [hub, other] = [await scene.node('hub'), await scene.node('other')];
    const b = await scene.node('b', ['hub', 'other']);
    const standing = (): number => b.overlay.peers().filter(({ state }) => state === 'alive').length;
    t.true(await scene.until(() => standing() === 2, 5_000));
    await scene.run(10_000);
    for (const node of [hub, other]) node.host.crash('killed');
    await scene.run(120_000);
    await scene.node('hub');
    await scene.node('other');
    t.true(await scene.until(() => standing() === 1, 6_000));
    const start = scene.world.now;
    t.true(await scene.until(() => standing() === 2, 6_000));
    // Less than a second since its last attempt: then it is not hurried.
    const wasHurried = scene.world.now - start < 50;
    const justTried = scene.world.now - start > 1_400;
    t.true(wasHurried || justTried, `${scene.world.now - start} ms, seed ${seed}`);
  }
});

test('peers are added and removed while the node runs, each by its address', async (t) => {
  const scene = new Scene(64);
  const a = await scene.node('a');
  const b = await scene.node('b');
  const at = { host: 'a', port };
  t.is(b.overlay.addPeer(at), 'added');
  t.is(b.overlay.addPeer({ ...at, scheme: 'tcp' }), 'known');
  t.is(b.overlay.addPeer({ ...at, scheme: 'tls' }), 'no-network');
  t.true(await scene.until(() => alive(b), 2_000));
  t.true(b.overlay.removePeer(at));
  t.false(b.overlay.removePeer(at));
  t.true(await scene.until(() => a.overlay.counters['links_open'] === 0, 2_000));
  await scene.run(30_000);
  t.deepEqual([b.overlay.peers().length, scene.network.linkCount('a', 'b')], [0, 0]);
});

test('the number of peers is bounded', async (t) => {
  const scene = new Scene(65);
  const b = await scene.node('b');
  const added = Array.from({ length: 1_030 }, (_, index) => b.overlay.addPeer({ host: `h${index}`, port }));
  t.is(added.filter((what) => what === 'added').length, 1_024);
  t.is(added.at(-1), 'full');
});
