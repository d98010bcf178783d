import test from 'ava';
import type { ByteLink, LinkEvents } from '#kernel';
import { SimulatedNetwork, World } from '#sim';

interface Heard {
  readonly events: LinkEvents;
  readonly log: string[];
  bytes: number[];
  link: ByteLink | null;
}

function listenTo(): Heard {
  const heard: Heard = {
    log: [],
    bytes: [],
    link: null,
    events: {
      opened: () => heard.log.push('opened'),
      received: (bytes) => heard.bytes.push(...bytes),
      drained: () => heard.log.push('drained'),
      closed: (cause) => heard.log.push(cause === null ? 'closed' : 'reset'),
    },
  };
  return heard;
}

async function pair(seed: number) {
  const world = new World(seed);
  const network = new SimulatedNetwork(world);
  const [a, b] = [network.boot('a'), network.boot('b')];
  const [near, far] = [listenTo(), listenTo()];
  await b.net.listen({ host: '::', port: 9651 }, (link) => {
    far.link = link;
    return far.events;
  });
  const link = a.net.dial({ host: 'b', port: 9651 }, near.events);
  return { world, network, a, b, near, far, link };
}

test('bytes arrive in order after the delay of the path, also those written before the link is open', async (t) => {
  const { world, network, near, far, link } = await pair(1);
  network.setPath('a', 'b', { delayMs: 20, jitterMs: 30, bytesPerMs: 10 });
  const sent = Array.from({ length: 300 }, (_, index) => index & 255);
  for (let at = 0; at < 300; at += 30) link.write(Uint8Array.from(sent.slice(at, at + 30)));
  await world.run(2_000);
  t.deepEqual(far.bytes, sent);
  t.deepEqual(near.log, ['opened']);
  link.end();
  await world.run(4_000);
  t.deepEqual([near.log.at(-1), far.log.at(-1)], ['closed', 'closed']);
});

test('a receiver that pauses holds the sender up, and it drains when it resumes', async (t) => {
  const { world, near, far, link } = await pair(2);
  await world.run(100);
  far.link?.pause(true);
  const full = Array.from({ length: 100 }, () => link.write(new Uint8Array(10_000)));
  t.false(full.at(-1));
  await world.run(200);
  t.true(link.queuedBytes > 600_000);
  t.is(far.bytes.length, 0);
  far.link?.pause(false);
  await world.run(400);
  t.is(far.bytes.length, 1_000_000);
  t.true(near.log.includes('drained'));
});

test('what is sent into a partition arrives after it heals', async (t) => {
  const { world, network, far, link } = await pair(3);
  await world.run(100);
  network.partition('a', 'b');
  link.write(Uint8Array.of(1, 2, 3));
  await world.run(60_000);
  t.is(far.bytes.length, 0);
  network.heal('a', 'b');
  await world.run(61_000);
  t.deepEqual(far.bytes, [1, 2, 3]);
});

test('a frozen host runs nothing until it is thawed, and its kernel goes on taking bytes', async (t) => {
  const { world, b, near, far, link } = await pair(4);
  await world.run(100);
  let ticks = 0;
  b.clock.at(b.clock.now(), () => ticks++);
  b.freeze();
  link.write(Uint8Array.of(9));
  await world.run(10_000);
  t.deepEqual([ticks, far.bytes.length, near.log.length], [0, 0, 1]);
  b.thaw();
  await world.run(10_001);
  t.deepEqual([ticks, far.bytes.length], [1, 1]);
});

test('a half-open link tells nobody; a cut, a killed host and a refused dial tell the survivor', async (t) => {
  const halfOpen = await pair(5);
  await halfOpen.world.run(100);
  halfOpen.network.halfOpen('a', 'b');
  halfOpen.link.write(Uint8Array.of(1));
  await halfOpen.world.run(600_000);
  t.deepEqual([halfOpen.near.log, halfOpen.far.bytes], [['opened'], []]);

  const cut = await pair(6);
  await cut.world.run(100);
  cut.network.cut('a', 'b');
  await cut.world.run(200);
  t.deepEqual([cut.near.log, cut.far.log], [['opened', 'reset'], ['reset']]);

  const killed = await pair(7);
  await killed.world.run(100);
  killed.b.crash('killed');
  const again = listenTo();
  killed.a.net.dial({ host: 'b', port: 9651 }, again.events);
  await killed.world.run(200);
  t.deepEqual([killed.near.log, killed.far.log, again.log], [['opened', 'reset'], [], ['reset']]);
});

test('after a power cut the survivor learns of it when it writes to the host that has booted again', async (t) => {
  const { world, network, b, near, link } = await pair(8);
  await world.run(100);
  b.crash('power');
  await world.run(1_000);
  network.boot('b');
  await world.run(10_000);
  t.deepEqual(near.log, ['opened']);
  link.write(Uint8Array.of(1));
  await world.run(11_000);
  t.deepEqual(near.log, ['opened', 'reset']);
});
