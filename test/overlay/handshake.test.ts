import test from 'ava';
import { type ByteLink, type LinkEvents, type NetworkKey, Secret } from '#kernel';
import { type Node, port, Scene } from './nodes.ts';

const network: NetworkKey = { name: 'plant', key: new Secret(Buffer.alloc(32, 7)) };
const deaf: LinkEvents = { opened: () => {}, received: () => {}, drained: () => {}, closed: () => {} };
const count = (node: Node, name: string): number => node.overlay.counters[name] ?? 0;

/** A hub in a private network, and strangers who dial it. */
async function besieged(seed: number) {
  const scene = new Scene(seed);
  const hub = await scene.node('a', [], { network });
  const stranger = (name: string): { dial(closed: () => void): ByteLink } => {
    const host = scene.network.boot(name);
    return { dial: (closed) => host.net.dial({ host: 'a', port }, { ...deaf, closed }) };
  };
  return { scene, hub, stranger };
}

test('members of a private network find their routes, whatever their addresses say', async (t) => {
  const scene = new Scene(71);
  const a = await scene.node('a', [], { network });
  const b = await scene.node('b', ['a'], { network });
  t.true(await scene.until(() => b.overlay.reachable(a.overlay.publicKey), 5_000));
  t.is(b.overlay.peers()[0]?.endpoint, `tls://a:${port}`);
});

test('a handshake that does not end is ended after ten seconds', async (t) => {
  const { scene, hub, stranger } = await besieged(72);
  let closed = 0;
  const silent = stranger('silent');
  for (let links = 0; links < 5; links++) silent.dial(() => closed++);
  await scene.run(9_000);
  t.deepEqual([closed, count(hub, 'handshakes_timed_out')], [0, 0]);
  await scene.run(1_500);
  t.deepEqual([closed, count(hub, 'handshakes_timed_out')], [5, 5]);
  t.is(hub.overlay.peers().length, 0);
});

test('bytes that drip in do not prolong a handshake', async (t) => {
  const { scene, hub, stranger } = await besieged(73);
  let closed = 0;
  const link = stranger('slow').dial(() => closed++);
  for (let bytes = 0; bytes < 12; bytes++) {
    link.write(Uint8Array.of(bytes));
    await scene.run(1_000);
  }
  t.deepEqual([closed, count(hub, 'handshakes_timed_out')], [1, 1]);
});

test('strangers keep few handshakes open, and a member gets in meanwhile', async (t) => {
  const { scene, hub, stranger } = await besieged(74);
  let closed = 0;
  for (let hosts = 0; hosts < 40; hosts++) {
    const one = stranger(`stranger${hosts}`);
    for (let links = 0; links < 12; links++) one.dial(() => closed++);
    await scene.run(100);
  }
  t.true(hub.overlay.peers().length <= 128, `${hub.overlay.peers().length} pending`);
  t.true(count(hub, 'handshakes_refused') > 100);
  await scene.run(11_000);
  t.is(hub.overlay.peers().length, 0);
  const member = await scene.node('b', ['a'], { network });
  t.true(await scene.until(() => member.overlay.reachable(hub.overlay.publicKey), 5_000));
  t.is(closed, 480);
});

test('a proxy that drips its answer is given up after ten seconds', async (t) => {
  const scene = new Scene(75);
  const proxy = scene.network.boot('proxy');
  let drips = 0;
  await proxy.net.listen({ host: '::', port: 1080 }, (link) => {
    const drip = (): void => {
      drips++;
      link.write(Buffer.from('HTTP/1.1 200 OK\r\nX: '.charAt(drips % 21)));
      proxy.clock.at((proxy.clock.now() + 500) as never, drip);
    };
    drip();
    return deaf;
  });
  const a = await scene.node('a', ['hub'], { proxy: { kind: 'http', host: 'proxy', port: 1080, credentials: null } });
  await scene.run(9_500);
  t.is(a.overlay.peers()[0]?.state, 'connecting');
  await scene.run(600);
  t.like(a.overlay.peers()[0], { failures: 1, why: 'no answer in 10 s', via: 'http://proxy:1080' });
});
