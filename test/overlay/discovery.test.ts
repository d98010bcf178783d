import test from 'ava';
import type { Multicast } from '#kernel';
import { beaconBytes, decodeBeacon, encodeBeacon } from '../../agent/overlay/wire/beacon.ts';
import { type Node, port, Scene } from './nodes.ts';

const group = { host: 'ff02::cafe', port: 9650 };
const count = (node: Node, name: string): number => node.overlay.counters[name] ?? 0;
const found = (node: Node): string[] =>
  node.overlay
    .peers()
    .filter(({ kind }) => kind === 'link-local')
    .map(({ endpoint }) => endpoint);

/** Nodes that find each other, all on one wire. */
async function lan(seed: number, names: readonly string[]): Promise<{ scene: Scene; nodes: Node[] }> {
  const scene = new Scene(seed);
  const nodes: Node[] = [];
  for (const name of names) {
    scene.network.ether.plug(name, 'eth0', 'lan');
    nodes.push(await scene.node(name, [], { discovery: true }));
  }
  return { scene, nodes };
}

/** A host that speaks beacons only. */
async function caller(scene: Scene, name: string): Promise<Multicast> {
  scene.network.ether.plug(name, 'eth0', 'lan');
  const socket = await scene.network.boot(name).net.multicast(group, () => {});
  socket.join('eth0');
  return socket;
}

test('a beacon is 50 bytes: "mycelium", the port, the router id', (t) => {
  const routerId = 'ab'.repeat(40);
  const bytes = encodeBeacon({ port: 9651, routerId });
  t.is(bytes.length, beaconBytes);
  t.is(Buffer.from(bytes).toString('hex'), `${Buffer.from('mycelium').toString('hex')}25b3${routerId}`);
  t.deepEqual(decodeBeacon(bytes), { port: 9651, routerId });
  t.is(decodeBeacon(bytes.subarray(1)), null);
  t.is(decodeBeacon(Buffer.concat([bytes, Buffer.alloc(1)])), null);
  t.is(decodeBeacon(encodeBeacon({ port: 0, routerId })), null);
  t.is(decodeBeacon(Buffer.from(bytes).fill('x', 0, 8)), null);
});

test('nodes on one wire find each other at the start of the later one, and talk', async (t) => {
  const { scene, nodes } = await lan(31, ['a', 'b', 'c']);
  const [a, , c] = nodes as [Node, Node, Node];
  t.true(await scene.until(() => nodes.every((node) => count(node, 'links_open') === 2), 2_000));
  c.say(a.overlay.publicKey, 'hello neighbour');
  t.true(await scene.until(() => a.received.length === 1, 2_000));
  t.like(a.overlay.peers()[0], { kind: 'link-local', state: 'alive', endpoint: `tcp://b:${port}` });
});

test('a beacon that was lost is made good by the next, a minute later', async (t) => {
  const scene = new Scene(32);
  scene.network.ether.lossShare = 1;
  for (const name of ['a', 'b']) scene.network.ether.plug(name, 'eth0', 'lan');
  const a = await scene.node('a', [], { discovery: true });
  await scene.node('b', [], { discovery: true });
  t.false(await scene.until(() => count(a, 'links_open') > 0, 55_000));
  scene.network.ether.lossShare = 0;
  t.true(await scene.until(() => count(a, 'links_open') > 0, 10_000));
});

test('two that call in the same moment keep one link, whoever of the two dials', async (t) => {
  for (const seed of [33, 34, 35, 36]) {
    const scene = new Scene(seed);
    for (const name of ['a', 'b']) scene.network.ether.plug(name, 'eth0', 'lan');
    scene.network.ether.lossShare = 1;
    const nodes = [await scene.node('a', [], { discovery: true }), await scene.node('b', [], { discovery: true })];
    await scene.run(30_000);
    scene.network.ether.lossShare = 0;
    t.true(await scene.until(() => nodes.every((node) => found(node).length === 1), 40_000), 'both dial');
    await scene.run(20_000);
    t.deepEqual(
      nodes.map((node) => count(node, 'links_open')),
      [1, 1],
    );
    t.is(nodes.flatMap(found).length, 1);
  }
});

test('only the named interfaces are used', async (t) => {
  const scene = new Scene(37);
  scene.network.ether.plug('a', 'eth0', 'inside');
  scene.network.ether.plug('a', 'wan0', 'outside');
  scene.network.ether.plug('b', 'eth0', 'inside');
  scene.network.ether.plug('c', 'eth0', 'outside');
  const a = await scene.node('a', [], { discovery: ['eth0'] });
  for (const name of ['b', 'c']) await scene.node(name, [], { discovery: true });
  await scene.run(130_000);
  t.deepEqual(found(a), [`tcp://b:${port}`]);
  t.is(scene.network.linkCount('a', 'c'), 0);
});

test('without discovery nothing is sent and nobody is dialled', async (t) => {
  const scene = new Scene(38);
  for (const name of ['a', 'b']) scene.network.ether.plug(name, 'eth0', 'lan');
  const a = await scene.node('a');
  const b = await scene.node('b', [], { discovery: true });
  await scene.run(130_000);
  t.deepEqual([found(a), found(b)], [[], []]);
});

test('a node without a listener for neighbours finds others and does not call', async (t) => {
  const scene = new Scene(39);
  for (const name of ['a', 'b']) scene.network.ether.plug(name, 'eth0', 'lan');
  const a = await scene.node('a', [], { discovery: true, listen: [{ host: '127.0.0.1', port }] });
  const b = await scene.node('b', [], { discovery: true });
  t.true(await scene.until(() => count(a, 'links_open') === 1, 2_000));
  t.deepEqual([count(a, 'beacons_sent'), found(b)], [0, []]);
});

test('a neighbour that is gone is forgotten after three failed attempts, and found again when it is back', async (t) => {
  const { scene, nodes } = await lan(40, ['a', 'b']);
  const [a, b] = nodes as [Node, Node];
  t.true(await scene.until(() => count(a, 'links_open') === 1, 2_000));
  await scene.run(10_000);
  b.host.crash('killed');
  t.true(await scene.until(() => a.overlay.peers().length === 0, 20_000));
  t.is(count(a, 'neighbours_forgotten'), 1);
  await scene.run(60_000);
  t.is(a.overlay.peers().length, 0);
  await scene.node('b', [], { discovery: true });
  t.true(await scene.until(() => count(a, 'links_open') === 1, 2_000));
});

test('a cable that is plugged in again brings the neighbour back within seconds, not at the next minute', async (t) => {
  const { scene, nodes } = await lan(41, ['a', 'b']);
  const [a] = nodes as [Node, Node];
  t.true(await scene.until(() => count(a, 'links_open') === 1, 2_000));
  scene.network.ether.unplug('b', 'eth0');
  scene.network.partition('a', 'b');
  t.true(await scene.until(() => a.overlay.peers().length === 0, 120_000));
  scene.network.heal('a', 'b');
  scene.network.ether.plug('b', 'eth0', 'lan');
  const start = scene.world.now;
  t.true(await scene.until(() => count(a, 'links_open') === 1, 15_000));
  t.true(scene.world.now - start < 7_000, `${scene.world.now - start} ms`);
});

test('own beacons, malformed ones and floods find nobody; the number of neighbours is bounded', async (t) => {
  const { scene, nodes } = await lan(42, ['a']);
  const [a] = nodes as [Node];
  const liar = await caller(scene, 'liar');
  for (let index = 0; index < 1_000; index++) {
    liar.send(encodeBeacon({ port: 1 + index, routerId: 'cd'.repeat(40) }), 'eth0');
    liar.send(scene.world.chance.bytes(50), 'eth0');
  }
  await scene.run(1_000);
  t.is(count(a, 'beacons_malformed'), 1_000);
  t.true(count(a, 'beacons_heard') <= 5, `${count(a, 'beacons_heard')} heard of one source`);
  t.is(count(a, 'beacons_heard') + count(a, 'beacons_limited'), 1_000);
  t.true(found(a).length <= 1);
  for (let index = 0; index < 300; index++) {
    const one = await caller(scene, `host${index}`);
    one.send(encodeBeacon({ port, routerId: index.toString(16).padStart(80, '0') }), 'eth0');
    await scene.run(50);
  }
  t.true(a.overlay.peers().length <= 64, `${a.overlay.peers().length} peers`);
  await scene.run(200_000);
  t.is(a.overlay.peers().length, 0, 'all forgotten');
});
