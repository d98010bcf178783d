import test from 'ava';
import { milliseconds } from '#kernel';
import { type Bench, bench, client, RawClient, turns, until } from './kit.ts';
import { connectPacket, disconnect, idOf, pingreq, publishPacket, pubrel, subscribePacket, type } from './wire.ts';

/** A cursor that wants `plant/#`, as a link would have it. */
function link(at: Bench): ReturnType<Bench['ring']['cursor']> {
  return at.ring.cursor({ name: 'link/hub/1', filters: ['plant/#'], except: null, from: 'now' });
}

async function connected(t: Parameters<typeof bench>[0], at: Bench, bytes: Buffer): Promise<RawClient> {
  const raw = new RawClient(at.port);
  t.teardown(() => raw.socket.destroy());
  raw.send(bytes);
  await until(() => raw.types.includes(type.connack), 'CONNACK');
  return raw;
}

for (const version of [4, 5] as const) {
  test(`a publish that a link wants is acknowledged only after it is durable (MQTT ${version})`, async (t) => {
    const at = await bench(t);
    link(at);
    await at.ring.whenDurable(at.ring.status.head);
    const raw = await connected(t, at, connectPacket('s', { version }));
    at.disk.holdSyncs();
    raw.send(
      publishPacket('plant/a', 'x', { qos: 1, id: 7, version }),
      publishPacket('plant/a', 'y', { qos: 2, id: 8, version }),
    );
    raw.send(pingreq);
    await until(() => raw.types.includes(type.pingresp), 'PINGRESP while the sync is held');
    await turns();
    t.false(raw.types.includes(type.puback));
    t.false(raw.types.includes(type.pubrec));
    t.is(at.broker.status.held, 2);
    at.disk.release();
    await until(() => raw.types.includes(type.pubrec), 'PUBREC');
    t.deepEqual(raw.types.slice(2), [type.puback, type.pubrec]);
    t.deepEqual(raw.packets.slice(2).map(idOf), [7, 8]);
  });
}

test('the sync of an earlier publish acknowledges no later one', async (t) => {
  const at = await bench(t);
  link(at);
  await at.ring.whenDurable(at.ring.status.head);
  const raw = await connected(t, at, connectPacket('s'));
  at.disk.holdSyncs();
  raw.send(publishPacket('plant/a', 'x', { qos: 1, id: 1 }));
  await until(() => at.disk.waiting === 1, 'the first sync');
  raw.send(publishPacket('plant/a', 'y', { qos: 1, id: 2 }));
  await until(() => at.broker.status.held === 2, 'the second publish');
  at.disk.release();
  at.disk.holdSyncs();
  await until(() => at.disk.waiting === 1 && raw.of(type.puback).length > 0, 'the second sync');
  await turns();
  t.deepEqual(raw.of(type.puback).map(idOf), [1]);
  at.disk.release();
  await until(() => raw.of(type.puback).length === 2, 'the second PUBACK');
});

test('a publish that nobody stored wants is acknowledged without the disk, but not before what came earlier', async (t) => {
  const at = await bench(t);
  link(at);
  await at.ring.whenDurable(at.ring.status.head);
  const raw = await connected(t, at, connectPacket('s'));
  at.disk.holdSyncs();
  raw.send(publishPacket('other/a', 'x', { qos: 1, id: 1 }));
  await until(() => raw.of(type.puback).length === 1, 'PUBACK');
  raw.send(publishPacket('plant/a', 'x', { qos: 1, id: 2 }), publishPacket('other/a', 'x', { qos: 1, id: 3 }), pingreq);
  await until(() => raw.types.includes(type.pingresp), 'PINGRESP');
  await turns();
  t.is(raw.of(type.puback).length, 1);
  at.disk.release();
  await until(() => raw.of(type.puback).length === 3, 'PUBACKs');
  t.deepEqual(raw.of(type.puback).map(idOf), [1, 2, 3]);
});

test('a PUBCOMP comes only after the packet id is durably free', async (t) => {
  const at = await bench(t);
  link(at);
  const raw = await connected(t, at, connectPacket('s', { clean: false }));
  raw.send(publishPacket('plant/a', 'x', { qos: 2, id: 9 }));
  await until(() => raw.types.includes(type.pubrec), 'PUBREC');
  at.disk.holdSyncs();
  raw.send(pubrel(9), pingreq);
  await until(() => raw.types.includes(type.pingresp), 'PINGRESP');
  await turns();
  t.false(raw.types.includes(type.pubcomp));
  at.disk.release();
  await until(() => raw.types.includes(type.pubcomp), 'PUBCOMP');
  t.deepEqual([...at.ring.states('incoming/')], []);
});

test('a QoS 2 publish that is resent before or after a crash is stored once', async (t) => {
  const at = await bench(t);
  const cursor = link(at);
  const raw = await connected(t, at, connectPacket('s', { clean: false }));
  raw.send(publishPacket('plant/a', 'x', { qos: 2, id: 9 }));
  await until(() => raw.types.includes(type.pubrec), 'PUBREC');
  raw.send(publishPacket('plant/a', 'x', { qos: 2, id: 9, dup: true }));
  await until(() => raw.of(type.pubrec).length === 2, 'PUBREC again');
  t.is(cursor.account.matched, 1);
  await at.crash();
  await at.start();
  const again = link(at);
  const back = await connected(t, at, connectPacket('s', { clean: false }));
  back.send(publishPacket('plant/a', 'x', { qos: 2, id: 9, dup: true }));
  await until(() => back.types.includes(type.pubrec), 'PUBREC after the crash');
  t.is(again.account.matched, 1);
  back.send(pubrel(9));
  await until(() => back.types.includes(type.pubcomp), 'PUBCOMP');
  back.send(publishPacket('plant/a', 'new', { qos: 2, id: 9 }));
  await until(() => back.of(type.pubrec).length === 2, 'PUBREC for the new message');
  t.is(again.account.matched, 2);
  t.is(at.broker.status.counters.duplicates, 1);
});

test('aedes trap: no error reaches an MQTT 5 publisher for want of room, and every publish is stored when there is some', async (t) => {
  const at = await bench(t, { ring: { sizeBytes: 4 << 20, full: 'refuse', commitWindow: milliseconds(0) } });
  const cursor = link(at);
  const raw = await connected(t, at, connectPacket('s', { version: 5 }));
  const payload = Buffer.alloc(60_000, 0x61);
  let sent = 0;
  const isHeld = () => at.broker.status.held > 0 && at.ring.status.head === at.ring.status.durable;
  while (!isHeld() && sent < 500) {
    raw.send(publishPacket('plant/a', payload, { qos: 1, id: ++sent, version: 5 }));
    await until(() => raw.of(type.puback).length === sent || isHeld(), 'an answer or a hold');
  }
  await turns();
  const acknowledged = raw.of(type.puback).length;
  raw.send(publishPacket('plant/a', 'late', { qos: 1, id: ++sent, version: 5 }));
  raw.send(subscribePacket(1, { 'other/#': 1 }, 5), publishPacket('other/a', 'x', { version: 5 }), pingreq);
  await until(() => raw.types.includes(type.pingresp), 'PINGRESP while publishes are held');
  t.is(raw.of(type.puback).length, acknowledged);
  t.true(sent > acknowledged);
  while (cursor.readable) {
    const records = await cursor.read(16, 1 << 20);
    const last = records.at(-1);
    if (last !== undefined) cursor.settle(last.kind === 'gap' ? last.to : last.sequence);
    await turns(2);
  }
  await until(() => raw.of(type.puback).length === sent, 'the held publishes');
  t.deepEqual(
    raw.of(type.puback).map(idOf),
    Array.from({ length: sent }, (_, index) => index + 1),
  );
  t.true(raw.of(type.puback).every((packet) => packet.length === 4));
});

test('publishing to the agent’s own tree is refused: an error for MQTT 5, a cut for 3.1.1; requests may be published', async (t) => {
  const at = await bench(t);
  const five = await connected(t, at, connectPacket('five', { version: 5 }));
  five.send(publishPacket('hypha/state', 'x', { qos: 1, id: 1, version: 5 }));
  five.send(publishPacket('hypha/request/status', 'x', { qos: 1, id: 2, version: 5 }));
  await until(() => five.of(type.puback).length === 2, 'two answers');
  t.deepEqual([...(five.of(type.puback)[0] ?? [])], [0x40, 3, 0, 1, 0x87]);
  t.deepEqual([...(five.of(type.puback)[1] ?? [])], [0x40, 2, 0, 2]);
  const four = await connected(t, at, connectPacket('four'));
  four.send(publishPacket('hypha/state', 'x', { qos: 1, id: 1 }));
  await until(() => four.closed, 'the cut');
  t.false(four.types.includes(type.puback));
});

test('aedes trap: a client that sends a hundred publishes behind its CONNECT is served', async (t) => {
  const at = await bench(t);
  const raw = new RawClient(at.port);
  t.teardown(() => raw.socket.destroy());
  const publishes = Array.from({ length: 100 }, (_, index) => publishPacket('a', 'x', { qos: 1, id: index + 1 }));
  raw.send(connectPacket('eager'), ...publishes, disconnect);
  await until(() => raw.closed, 'the end');
  t.is(at.broker.status.received, 100);
});

test('a publish behind a SUBSCRIBE in the same packet of bytes reaches its own sender', async (t) => {
  const at = await bench(t);
  for (const clean of [true, false]) {
    const raw = await connected(t, at, connectPacket(`s${clean}`, { clean }));
    raw.send(subscribePacket(1, { 'a/#': 0 }), publishPacket('a/b', 'x'));
    await until(() => raw.types.includes(type.publish), 'its own message');
    t.deepEqual(raw.types, [type.connack, type.suback, type.publish]);
  }
});

test('mosquitto’s and MQTT.js’s wills are published when the connection breaks, not after a clean disconnect', async (t) => {
  const at = await bench(t);
  const watcher = await client(t, at, { clientId: 'w' });
  const got: string[] = [];
  watcher.on('message', (topic, payload) => got.push(`${topic} ${payload}`));
  await watcher.subscribeAsync('will/#', { qos: 1 });
  const clean = await connected(
    t,
    at,
    connectPacket('clean', { will: { topic: 'will/clean', payload: 'gone', qos: 1 } }),
  );
  t.is([...at.ring.states('will/')].length, 1);
  clean.send(disconnect);
  await until(() => clean.closed, 'the clean end');
  const broken = await connected(
    t,
    at,
    connectPacket('broken', { will: { topic: 'will/broken', payload: 'gone', qos: 1, retain: true } }),
  );
  broken.socket.destroy();
  await until(() => got.length > 0, 'a will');
  await turns();
  t.deepEqual(got, ['will/broken gone']);
  t.deepEqual([...at.ring.states('will/')], []);
});

test('aedes trap: a will left by a crash is published at the next start, once', async (t) => {
  const at = await bench(t);
  const watcher = await client(t, at, { clientId: 'w', clean: false });
  await watcher.subscribeAsync('will/#', { qos: 1 });
  await connected(t, at, connectPacket('broken', { will: { topic: 'will/broken', payload: 'gone', qos: 1 } }));
  await at.crash();
  await at.start();
  const got: string[] = [];
  const back = await client(t, at, { clientId: 'w', clean: false });
  back.on('message', (topic) => got.push(topic));
  await until(() => got.length > 0, 'the will');
  await at.crash();
  await at.start();
  await client(t, at, { clientId: 'w2', clean: false });
  await turns();
  t.deepEqual(got, ['will/broken']);
  t.deepEqual([...at.ring.states('will/')], []);
});

test('aedes trap: a client id taken over publishes the old will and keeps the new one', async (t) => {
  const at = await bench(t);
  const watcher = await client(t, at, { clientId: 'w' });
  const got: string[] = [];
  watcher.on('message', (_topic, payload) => got.push(payload.toString()));
  await watcher.subscribeAsync('will/#', { qos: 1 });
  const one = await connected(t, at, connectPacket('same', { will: { topic: 'will/x', payload: 'one', qos: 1 } }));
  const two = await connected(t, at, connectPacket('same', { will: { topic: 'will/x', payload: 'two', qos: 1 } }));
  await until(() => one.closed, 'the first connection to be cut');
  await until(() => got.length > 0, 'the first will');
  await turns();
  t.deepEqual(got, ['one']);
  t.is([...at.ring.states('will/')].length, 1);
  two.socket.destroy();
  await until(() => got.length > 1, 'the second will');
  t.deepEqual(got, ['one', 'two']);
});
