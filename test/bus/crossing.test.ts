import test from 'ava';
import type { MessageId } from '#overlay';
import type { AgentScene } from '../sim/scene.ts';
import { line, linkTo, pair } from '../sim/scene.ts';
import { arrived, inboundOf, serving, settled, sound, start, streamOf } from './kit.ts';

test('readings cross once and in order, and the cursor passes on the far ring’s ack', async (t) => {
  const scene = await serving();
  const a = scene.agent('a');
  for (let round = 0; round < 20; round++) {
    a.publish(50, 1, (id) => `plant/${id % 3}`);
    await scene.run(5);
  }
  t.true(await scene.until(() => settled(scene), 5_000));
  t.is(scene.ledger.foundOf('b', ['a']), 1000);
  t.deepEqual(sound(scene), []);
  t.is(inboundOf(scene.agent('b'))?.stored, 1000);
  t.is(scene.agent('b').delivered, 1000);
});

test('nothing is acknowledged before the far ring has synced', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  b.disk.faults.syncMs = 1_000;
  a.publish(10, 1, () => 'plant/1');
  await scene.until(() => a.events.some((event) => event.kind === 'sent'), 5_000);
  const sentAt = scene.world.now;
  await scene.until(() => a.events.some((event) => event.kind === 'acked'), 20_000);
  t.true(scene.world.now - sentAt >= 900);
  t.is(scene.ledger.foundOf('b', ['a']), 10);
});

test('a far end cut off between receiving and syncing gets everything again, and stores it once', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  b.disk.faults.syncMs = 2_000;
  a.publish(10, 1, () => 'plant/1');
  await scene.until(() => a.events.some((event) => event.kind === 'sent'), 5_000);
  await scene.run(300);
  b.die('power');
  b.disk.faults.syncMs = 1;
  await start(scene, b);
  t.true(await scene.until(() => settled(scene), 60_000));
  t.deepEqual(sound(scene), []);
});

test('a sender killed after the far sync and before its cursor moved doubles nothing', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  a.publish(500, 1, (id) => `plant/${id}`);
  await scene.until(() => scene.ledger.foundOf('b', ['a']) > 0, 5_000);
  a.die('power');
  await start(scene, a);
  t.true(await scene.until(() => settled(scene), 60_000));
  t.deepEqual(sound(scene), []);
  t.is(inboundOf(b)?.stored, scene.ledger.foundOf('b', ['a']));
});

test('a backlog drains when the link comes up, without new traffic', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  b.die('killed');
  await scene.run(100);
  for (let round = 0; round < 30; round++) {
    a.publish(100, 1, (id) => `plant/${id % 9}`);
    await scene.run(10);
  }
  await start(scene, b);
  t.true(await scene.until(() => settled(scene), 60_000));
  t.is(scene.ledger.foundOf('b', ['a']), 3000);
  t.deepEqual(sound(scene), []);
});

test('a contact that is away for an hour has no message of the bus under way, and costs no memory of batches', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  b.die('power');
  await scene.run(600_000);
  a.publish(2_000, 1, (id) => `plant/${id % 9}`);
  const sent = frames(scene, 'a');
  await scene.run(3_600_000);
  t.true(sent.length <= 1, `${sent.length} messages in an hour`);
  t.is(streamOf(a)?.inFlight, 0);
  await start(scene, b);
  t.true(await scene.until(() => settled(scene), 120_000));
  return undefined;
});

test('nothing echoes: what came from a neighbour never goes back there', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  a.publish(100, 1, () => 'plant/a');
  b.publish(100, 1, () => 'plant/b');
  await scene.until(() => arrived(scene) && arrived(scene, 'a', 'b'), 5_000);
  await scene.run(2_000);
  t.is(inboundOf(a)?.stored, 100);
  t.is(inboundOf(b)?.stored, 100);
  t.is(inboundOf(a)?.duplicates, 0);
  t.is(inboundOf(a)?.refused, 0);
});

const ring = (name: string, to: string, from: string, peers: string[]) => ({
  name,
  peers,
  links: [linkTo(to)],
  accepts: [{ from, topics: ['#'] }],
  ring: {},
});

test('in a circle A, B, C a record goes round once and is not stored where it was born', async (t) => {
  const scene = await serving([ring('a', 'b', 'c', []), ring('b', 'c', 'a', ['a']), ring('c', 'a', 'b', ['a', 'b'])]);
  const a = scene.agent('a');
  a.publish(20, 1, () => 'plant/1');
  t.true(await scene.until(() => arrived(scene, 'c') && streamOf(scene.agent('c'))?.pending === 0, 10_000));
  await scene.run(2_000);
  t.is(scene.ledger.found('a'), 20);
  t.deepEqual(sound(scene, 'a').concat(sound(scene, 'b'), sound(scene, 'c')), []);
});

test('what the far end does not accept is counted there and dropped here as refused', async (t) => {
  const [planA, planB] = pair();
  if (planA === undefined || planB === undefined) return t.fail();
  const scene = await serving([planA, { ...planB, accepts: [{ from: 'a', topics: ['{contact}/+'] }] }]);
  const a = scene.agent('a');
  a.publish(30, 1, (id) => (id % 3 === 0 ? 'a/in' : 'a/too/deep'));
  t.true(await scene.until(() => scene.ledger.undecided('a') === 0 && streamOf(a)?.pending === 0, 10_000));
  await scene.run(500);
  const account = a.life?.ring.cursors().find(({ name }) => name.startsWith('link/'))?.account;
  t.is(account?.settled, 10);
  t.is(account?.dropped.refused, 20);
  t.is(inboundOf(scene.agent('b'))?.refused, 20);
  t.is(scene.ledger.found('b'), 10);
  return undefined;
});

test('while the far ring takes nothing the sender waits, and goes on by itself when there is room', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  b.disk.faults.readOnly = true;
  for (let round = 0; round < 40; round++) {
    a.publish(200, 1, (id) => `plant/${id % 5}`);
    await scene.run(50);
  }
  await scene.run(20_000);
  t.false(arrived(scene));
  b.disk.faults.readOnly = false;
  t.true(await scene.until(() => settled(scene), 60_000));
  t.deepEqual(sound(scene), []);
});

test('records dropped for want of room are told to the far end as a gap, exactly counted', async (t) => {
  const scene = await serving(pair({ sizeBytes: 1 << 20, full: 'drop-oldest' }));
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  b.die('killed');
  await scene.run(100);
  for (let round = 0; round < 150; round++) {
    a.publish(200, 1, (id) => `plant/${id % 5}/${'x'.repeat(60)}`);
    await scene.run(20);
  }
  await start(scene, b);
  t.true(await scene.until(() => streamOf(a)?.pending === 0, 60_000));
  await scene.run(1_000);
  const missing = scene.ledger.missing('b', ['a']).length;
  t.true(missing > 1000);
  t.is(inboundOf(b)?.lost, missing);
  t.is(b.gaps, missing);
  const told = b.lastTold;
  t.true(told !== null && told.first < told.last && told.topics.length > 0, 'and where, and of what');
  t.deepEqual(sound(scene), []);
});

const frames = (scene: AgentScene, name: string): Uint8Array[] => {
  const { life } = scene.agent(name);
  const seen: Uint8Array[] = [];
  if (life === null) return seen;
  const send = life.overlay.send.bind(life.overlay);
  life.overlay.send = (message) => {
    seen.push(Uint8Array.from(message.payload));
    return send(message);
  };
  return seen;
};

const fed = (scene: AgentScene, into: string, from: string, payload: Uint8Array): void => {
  const { life } = scene.agent(into);
  const { publicKey, address } = scene.agent(from).identity;
  if (life === null) return;
  const { topic } = life.bus;
  const id = '00'.repeat(8) as MessageId;
  const toAddress = life.overlay.address;
  life.bus.receive({ id, from: publicKey, fromAddress: address, toAddress, topic, payload, isReply: false });
};

test('a frame that comes back to its sender, or is sent on to another, is refused', async (t) => {
  const scene = await serving();
  const sent = frames(scene, 'a');
  scene.agent('a').publish(10, 1, () => 'plant/1');
  await scene.until(() => settled(scene), 5_000);
  for (const payload of sent) fed(scene, 'a', 'b', payload);
  t.true(sent.length >= 2);
  t.is(scene.agent('a').life?.bus.counters.misdirected, sent.length);
  const before = scene.agent('b').life?.bus.counters.misdirected ?? 0;
  for (const payload of sent) fed(scene, 'b', 'b', payload);
  t.is(
    (scene.agent('b').life?.bus.counters.misdirected ?? 0) + (scene.agent('b').life?.bus.counters.unknownSender ?? 0),
    before + sent.length,
  );
});

test('frames replayed after a restart of the receiver belong to no session and store nothing', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  const sent = frames(scene, 'a');
  a.publish(10, 1, () => 'plant/1');
  await scene.until(() => settled(scene), 5_000);
  b.die('killed');
  await start(scene, b);
  for (const payload of sent) fed(scene, 'b', 'a', payload);
  await scene.run(2_000);
  t.true((b.life?.bus.counters.strayed ?? 0) > 0);
  t.is(scene.ledger.foundOf('b', ['a']), 10);
  t.is(inboundOf(b)?.stored, 10);
});

test('garbage from a contact is counted and kept nowhere', async (t) => {
  const scene = await serving();
  const { chance } = scene.world;
  await scene.run(100);
  for (let round = 0; round < 200; round++) fed(scene, 'b', 'a', chance.bytes(chance.between(0, 300)));
  t.is(scene.agent('b').life?.bus.counters.malformed, 200);
  scene.agent('a').publish(10, 1, () => 'plant/1');
  t.true(await scene.until(() => arrived(scene), 5_000));
});

test('a receiver that was restored from an older image tells what it has lost, and goes on', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  a.publish(10, 1, () => 'plant/1');
  await scene.until(() => settled(scene), 5_000);
  b.die('killed');
  const image = b.image();
  await start(scene, b);
  a.publish(30, 1, () => 'plant/1');
  await scene.until(() => settled(scene), 10_000);
  b.die('killed');
  b.restore(image);
  await start(scene, b);
  a.publish(5, 1, () => 'plant/1');
  t.true(await scene.until(() => scene.ledger.undecided('a') === 0 && streamOf(a)?.pending === 0, 30_000));
  await scene.run(1_000);
  t.is(b.life?.bus.counters.wentBack, 1);
  t.is(a.life?.bus.counters.farEndWentBack, 1);
  t.is(inboundOf(b)?.lost, 30);
  t.is(inboundOf(b)?.stored, 15);
});

test('a sender that was restored from an older image sends again what it has, and nothing is stored twice', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  a.publish(10, 1, () => 'plant/1');
  await scene.run(100);
  b.die('killed');
  a.publish(20, 1, () => 'plant/1');
  await scene.run(100);
  a.die('killed');
  const image = a.image();
  await Promise.all([start(scene, a), start(scene, b)]);
  a.publish(30, 1, () => 'plant/1');
  await scene.until(() => settled(scene), 30_000);
  a.die('killed');
  a.restore(image);
  await start(scene, a);
  a.publish(40, 1, () => 'plant/1');
  t.true(await scene.until(() => settled(scene), 30_000));
  t.is(scene.ledger.foundOf('b', ['a']), 100);
  t.deepEqual(sound(scene), []);
});

test('over a relay every record keeps its origin and its order, and loses a hop', async (t) => {
  const scene = await serving(line());
  const [a, b, c] = [scene.agent('a'), scene.agent('b'), scene.agent('c')];
  for (let round = 0; round < 10; round++) {
    a.publish(30, 1, (id) => `plant/${id % 3}`);
    b.publish(30, 1, (id) => `plant/${id % 3}`);
    await scene.run(10);
  }
  t.true(await scene.until(() => arrived(scene, 'c', 'a') && arrived(scene, 'c', 'b'), 10_000));
  t.deepEqual(sound(scene, 'c'), []);
  const cursor = c.life?.ring.cursor({ name: 'test', filters: ['#'], except: null, from: 'oldest' });
  const reading = cursor?.read(1_000, 1 << 20);
  await scene.run(1_000);
  const hops = new Map<string, number>();
  for (const item of (await reading) ?? []) {
    if (item.kind === 'message') hops.set(item.provenance?.origin ?? '', item.provenance?.hopsLeft ?? -1);
  }
  t.is(hops.get(a.identity.publicKey), 6);
  t.is(hops.get(b.identity.publicKey), 7);
});

test('what is handed over lies in the ring under the sequence it was handed over with, however many origins are new', async (t) => {
  const plans = line();
  const scene = await serving(plans);
  const [a, b, c] = [scene.agent('a'), scene.agent('b'), scene.agent('c')];
  c.die('killed');
  for (let life = 0; life < 4; life++) {
    a.publish(2, 1, () => 'plant/1');
    b.publish(2, 1, () => 'plant/2');
    await scene.until(() => arrived(scene, 'b', 'a'), 10_000);
    a.die('killed');
    await start(scene, a);
  }
  await start(scene, c);
  t.true(await scene.until(() => arrived(scene, 'c', 'a') && arrived(scene, 'c', 'b'), 20_000));
  t.is(c.delivered, 16);
  t.deepEqual(scene.ledger.misplaced('c'), []);
});

test('a sender in a crash loop sends the backlog of a hundred short lives once, however often it dies meanwhile', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  b.die('killed');
  for (let life = 0; life < 100; life++) {
    a.publish(3, 1, () => 'plant/1');
    await scene.until(() => scene.ledger.undecided('a') === 0, 1_000);
    a.die('killed');
    await start(scene, a);
  }
  const back = start(scene, b);
  await scene.until(() => scene.ledger.foundOf('b', ['a']) > 250, 60_000);
  await back;
  a.die('power');
  await start(scene, a);
  t.true(await scene.until(() => settled(scene), 60_000));
  t.is(scene.ledger.foundOf('b', ['a']), 300);
  t.is(inboundOf(b)?.stored, 300);
  t.is(inboundOf(b)?.lost, 0);
  t.is(inboundOf(b)?.duplicates, 0, 'what the far end has is not sent again');
  t.deepEqual(sound(scene), []);
});

test('a record that can never fit the far ring is refused there, and those around it cross', async (t) => {
  const [planA, planB] = pair();
  if (planA === undefined || planB === undefined) return t.fail();
  const scene = await serving([
    { ...planA, ring: { sizeBytes: 64 << 20 } },
    { ...planB, ring: { sizeBytes: 1 << 20 } },
  ]);
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  a.publish(3, 1, () => 'plant/1');
  const tookIt = a.publish(1, 1, () => 'plant/1', 600_000);
  a.publish(3, 1, () => 'plant/1');
  t.true(tookIt);
  t.true(await scene.until(() => scene.ledger.undecided('a') === 0 && streamOf(a)?.pending === 0, 60_000));
  await scene.run(1_000);
  t.is(inboundOf(b)?.stored, 6);
  t.is(inboundOf(b)?.refused, 1);
  t.is(a.life?.ring.cursors().find(({ name }) => name.startsWith('link/'))?.account.dropped.refused, 1);
  return undefined;
});
