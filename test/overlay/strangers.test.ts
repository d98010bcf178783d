import test from 'ava';
import { identityOf, SharedKeys, sealInto } from '#crypto';
import type { ByteLink, LinkEvents, PublicKey } from '#kernel';
import { encodeControl } from '../../agent/overlay/wire/control.ts';
import { dataHeaderBytes, startDataFrame } from '../../agent/overlay/wire/data.ts';
import { type Node, port, Scene } from './nodes.ts';

const deaf: LinkEvents = { opened: () => {}, received: () => {}, drained: () => {}, closed: () => {} };
const hello = encodeControl({ kind: 'hello', flags: 0x8000, seqno: 1, interval: 2000 });

/** A host that speaks bytes, not the protocol. */
function stranger(scene: Scene, name: string): { dial(events?: Partial<LinkEvents>): ByteLink } {
  const host = scene.network.boot(name);
  return { dial: (events = {}) => host.net.dial({ host: 'a', port }, { ...deaf, ...events }) };
}

const count = (node: Node, name: string): number => node.overlay.counters[name] ?? 0;

test('a stranger who opens many links gets a few, and the node goes on serving its peers', async (t) => {
  const scene = new Scene(21);
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  t.true(await scene.until(() => b.overlay.reachable(a.overlay.publicKey), 5_000));
  const many = stranger(scene, 'many');
  let closed = 0;
  for (let links = 0; links < 2_000; links++) many.dial({ closed: () => closed++ }).write(hello);
  await scene.run(2_000);
  t.true(count(a, 'links_open') <= 65, `${count(a, 'links_open')} open`);
  t.true(closed >= 1_900);
  b.say(a.overlay.publicKey, 'still here');
  t.true(await scene.until(() => a.received.length === 1, 5_000));
});

test('a link over which no packet comes is closed within ten seconds, also when bytes drip in', async (t) => {
  const scene = new Scene(22);
  const a = await scene.node('a');
  let closed = 0;
  const silent = stranger(scene, 'silent');
  const links = Array.from({ length: 10 }, () => silent.dial({ closed: () => closed++ }));
  const frame = startDataFrame('04'.repeat(16) as never, a.overlay.address, 63, 1_000);
  await scene.run(2_000);
  t.deepEqual([count(a, 'links_open'), closed], [10, 0]);
  for (let at = 0; at < 10; at++) {
    for (const link of links.slice(5)) link.write(frame.subarray(at, at + 1));
    await scene.run(1_000);
    if (at === 6) t.deepEqual([count(a, 'links_open'), closed], [5, 5]);
  }
  t.deepEqual([count(a, 'links_open'), closed], [0, 10]);
});

test('garbage ends the link that brought it, and nothing else', async (t) => {
  const scene = new Scene(23);
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  t.true(await scene.until(() => b.overlay.reachable(a.overlay.publicKey), 5_000));
  const noise = stranger(scene, 'noise');
  for (let round = 0; round < 200; round++) {
    const link = noise.dial();
    link.write(hello);
    link.write(scene.world.chance.bytes(scene.world.chance.between(1, 5_000)));
    await scene.run(300);
  }
  t.true(count(a, 'links_broken') > 50);
  b.say(a.overlay.publicKey, 'unharmed');
  t.true(await scene.until(() => a.received.length === 1, 5_000));
  t.is(count(b, 'links_opened'), 1);
});

test('packets from thousands of unknown senders wait for a key in a small store, and ask for few routes', async (t) => {
  const scene = new Scene(24);
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  t.true(await scene.until(() => b.overlay.reachable(a.overlay.publicKey), 5_000));
  const link = stranger(scene, 'flood').dial();
  for (let packets = 0; packets < 20_000; packets++) {
    const source = `04${Buffer.from(scene.world.chance.bytes(15)).toString('hex')}`;
    link.write(startDataFrame(source as never, a.overlay.address, 63, 0));
    if (packets % 100 === 0) await scene.run(10);
  }
  await scene.run(2_000);
  t.true(count(a, 'packets_waiting_for_key') <= 512);
  t.true(count(a, 'queries') <= 400, `${count(a, 'queries')} queries`);
  t.true(count(a, 'dropped_stranger') > 19_000);
  await scene.run(20_000);
  t.is(count(a, 'packets_waiting_for_key'), 0);
  b.say(a.overlay.publicKey, 'unharmed');
  t.true(await scene.until(() => a.received.length === 1, 5_000));
});

test('ten thousand messages that a stranger announces and never sends cost bounded memory', async (t) => {
  const scene = new Scene(25);
  const a = await scene.node('a');
  const secret = identityOf(scene.world.chance.bytes(32));
  const shared = new SharedKeys(secret).with(a.overlay.publicKey);
  if (shared === null) return t.fail('no key');
  const link = stranger(scene, 'half').dial();
  link.write(update(secret.publicKey, secret.subnet));
  for (let messages = 0; messages < 10_000; messages++) {
    const init = Buffer.alloc(25);
    init[0] = 1;
    init[1] = 1;
    init.writeUInt32BE(messages, 4);
    init.writeUInt16BE(0x8000, 12);
    init.writeBigUInt64BE(1_000_000_000n, 16);
    const frame = startDataFrame(secret.address, a.overlay.address, 63, init.length + 28);
    sealInto(shared, scene.world.chance.bytes(12), init, frame, dataHeaderBytes);
    link.write(frame);
    if (messages % 100 === 0) await scene.run(10);
  }
  const before = process.memoryUsage().arrayBuffers;
  await scene.run(1_000);
  t.true(count(a, 'packets_received') > 9_000, `${count(a, 'packets_received')} opened`);
  t.true(count(a, 'half_open_messages') <= 2048);
  t.true(count(a, 'half_open_bytes') < 10_000_000);
  t.true(process.memoryUsage().arrayBuffers - before < 50_000_000);
});

test('a peer that floods with updates and requests is heard at a bounded rate', async (t) => {
  const scene = new Scene(26);
  const a = await scene.node('a');
  const link = stranger(scene, 'chatty').dial();
  for (let packets = 0; packets < 30_000; packets++) {
    const prefix = `04${Buffer.from(scene.world.chance.bytes(7)).toString('hex')}`;
    link.write(encodeControl({ kind: 'route-request', generation: 0, addressEncoding: 2, prefixLength: 64, prefix }));
    if (packets % 500 === 0) await scene.run(5);
  }
  await scene.run(1_000);
  t.true(count(a, 'dropped_requests_rate') > 25_000);
  t.true(count(a, 'queries') <= 4096);
});

function update(key: PublicKey, prefix: string): Uint8Array {
  const routerId = `${key}0000${'00'.repeat(6)}`;
  return encodeControl({
    kind: 'update',
    addressEncoding: 2,
    flags: 0,
    prefixLength: 64,
    interval: 30_000,
    seqno: 0,
    metric: 0,
    prefix,
    routerId,
  });
}
