import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { milliseconds } from '#kernel';
import { World } from '#sim';
import { bench, client, RawClient, realEnv, turns, until } from './kit.ts';
import { connectPacket, idOf, pingreq, puback, publishPacket, readPublish, subscribePacket, type } from './wire.ts';

const refuse = { sizeBytes: 4 << 20, full: 'refuse', commitWindow: milliseconds(0) } as const;

function closeAll(clients: readonly RawClient[]): void {
  for (const raw of clients) raw.socket.destroy();
}

test('without room the ack is withheld for an hour, keep-alive 10 s, while the client’s own subscription works; then all resumes by itself', async (t) => {
  const world = new World(1);
  const clock = world.clock({ alive: true, wallOffsetMs: 0 });
  const at = await bench(t, {
    ring: refuse,
    env: (disk) => ({ ...realEnv(disk), clock: { ...clock, soon: setImmediate } }),
  });
  const cursor = at.ring.cursor({ name: 'link/hub/1', filters: ['plant/#'], except: null, from: 'now' });
  /** Simulated time passes; real sockets and the real disk get their turns. */
  const pass = async (ms: number): Promise<void> => {
    await world.run(world.now + ms);
    for (let turns = 0; turns < 3; turns++) await turn();
  };
  /** Waits for real sockets and the real disk while little simulated time passes. */
  const settled = async (done: () => boolean, what: string): Promise<void> => {
    await until(
      () => {
        void world.run(world.now + 0.1);
        return done();
      },
      what,
      30_000,
    );
  };
  const sensor = new RawClient(at.port);
  const other = new RawClient(at.port);
  t.teardown(() => closeAll([sensor, other]));
  sensor.send(connectPacket('sensor', { keepAlive: 10 }), subscribePacket(1, { 'set/#': 1 }));
  other.send(connectPacket('other'));
  await settled(() => sensor.types.includes(type.suback) && other.types.includes(type.connack), 'connected');

  const payload = Buffer.alloc(20_000, 0x61);
  let sent = 0;
  const isHeld = () => at.broker.status.held > 0 && at.ring.status.head === at.ring.status.durable;
  while (!isHeld() && sent < 1_000) {
    sensor.send(publishPacket('plant/a', payload, { qos: 1, id: ++sent }));
    await settled(() => sensor.of(type.puback).length === sent || isHeld(), 'an answer or a hold');
  }
  for (let more = 0; more < 30; more++) sensor.send(publishPacket('plant/a', 'small', { qos: 1, id: ++sent }));
  await settled(() => at.broker.status.held >= 30, 'thirty held');
  const acknowledged = sensor.of(type.puback).length;
  const heapBefore = process.memoryUsage().heapUsed;

  const hour = world.now + 3_600_000;
  let pings = 0;
  let commands = 0;
  while (world.now < hour) {
    await pass(9_000);
    sensor.send(pingreq);
    pings++;
    other.send(publishPacket('set/a', String(++commands), { qos: 1, id: commands }));
    await settled(() => sensor.of(type.pingresp).length === pings, 'PINGRESP');
    await settled(() => sensor.of(type.publish).length === commands, 'the command');
    for (const bytes of sensor.of(type.publish).slice(-1)) sensor.send(puback(readPublish(bytes).id));
  }
  sensor.send(subscribePacket(2, { 'more/#': 1 }));
  await settled(() => sensor.of(type.suback).length === 2, 'another SUBACK');
  t.false(sensor.closed);
  t.is(sensor.of(type.puback).length, acknowledged);
  t.true(process.memoryUsage().heapUsed - heapBefore < 32 << 20);

  while (cursor.readable) {
    const last = (await cursor.read(64, 1 << 20)).at(-1);
    if (last !== undefined) cursor.settle(last.kind === 'gap' ? last.to : last.sequence);
    await pass(10);
  }
  await settled(() => sensor.of(type.puback).length === sent, 'every ack');
  t.deepEqual(
    sensor.of(type.puback).map(idOf),
    Array.from({ length: sent }, (_, index) => index + 1),
  );
});

test('a lane over its budget withholds the acks of its own publishers; others are answered, and it is when there is room', async (t) => {
  const lanes = { bulk: { sizeBytes: 1 << 20, full: 'refuse' } } as const;
  const at = await bench(t, { ring: { ...refuse, lanes }, broker: { lane: (topic) => (topic === 'bulk' ? 2 : 1) } });
  const cursor = at.ring.cursor({ name: 'link/hub/2', filters: ['#'], except: null, from: 'now' });
  const [camera, sensor] = [new RawClient(at.port), new RawClient(at.port)];
  t.teardown(() => closeAll([camera, sensor]));
  camera.send(connectPacket('camera'));
  sensor.send(connectPacket('sensor'));
  const payload = Buffer.alloc(20_000, 0x61);
  for (let id = 1; id <= 80; id++) camera.send(publishPacket('bulk', payload, { qos: 1, id }));
  const isHeld = () => at.broker.status.held > 0 && at.ring.status.lanes[2]?.state === 'full';
  await until(() => isHeld() && at.ring.status.head === at.ring.status.durable, 'held');
  camera.send(pingreq);
  await until(() => camera.types.includes(type.pingresp), 'all that was answered');
  const acknowledged = camera.of(type.puback).length;
  t.true(acknowledged >= 45 && acknowledged <= 56, `${acknowledged}`);
  for (let id = 1; id <= 20; id++) sensor.send(publishPacket('reading', payload, { qos: 1, id }));
  await until(() => sensor.of(type.puback).length === 20, 'twenty acks');
  t.is(camera.of(type.puback).length, acknowledged);
  const settle = async (): Promise<void> => {
    const last = (await cursor.read(64, 1 << 20)).at(-1);
    if (last !== undefined) cursor.settle(last.kind === 'gap' ? last.to : last.sequence);
    await turns(2);
  };
  while (camera.of(type.puback).length < 80) await settle();
  t.deepEqual(
    camera.of(type.puback).map(idOf),
    Array.from({ length: 80 }, (_, index) => index + 1),
  );
  t.is(cursor.account.dropped.full, 0);
});

test('publishes beyond what may be held are set down without an answer, and the client is cut when there is room, to send them again', async (t) => {
  const at = await bench(t, { ring: refuse, broker: { limits: { receiveMaximum: 10, heldBytes: 50_000 } } });
  const cursor = at.ring.cursor({ name: 'link/hub/1', filters: ['plant/#'], except: null, from: 'now' });
  const raw = new RawClient(at.port);
  t.teardown(() => raw.socket.destroy());
  raw.send(connectPacket('sensor'));
  const payload = Buffer.alloc(20_000, 0x61);
  let sent = 0;
  const isHeld = () => at.broker.status.held > 0 && at.ring.status.head === at.ring.status.durable;
  while (!isHeld() && sent < 2_000) {
    raw.send(publishPacket('plant/a', payload, { qos: 1, id: ++sent }));
    await until(() => raw.of(type.puback).length === sent || isHeld(), 'an answer or a hold');
  }
  const acknowledged = raw.of(type.puback).length;
  for (let more = 0; more < 100; more++) raw.send(publishPacket('plant/a', payload, { qos: 1, id: ++sent }));
  raw.send(pingreq);
  await until(() => raw.types.includes(type.pingresp), 'PINGRESP');
  t.true(at.broker.status.held <= 10);
  t.true(at.broker.status.counters['set-down'] >= 90);
  while (cursor.readable) {
    const last = (await cursor.read(64, 1 << 20)).at(-1);
    if (last !== undefined) cursor.settle(last.kind === 'gap' ? last.to : last.sequence);
    await turns(2);
  }
  await until(() => raw.closed, 'the cut');
  const answered = raw.of(type.puback).map(idOf);
  t.deepEqual(
    answered,
    Array.from({ length: answered.length }, (_, index) => index + 1),
  );
  t.true(answered.length >= acknowledged && answered.length < sent);
});

test('a client that is silent for 1.5 × keep-alive is cut, and its will published', async (t) => {
  const at = await bench(t);
  const watcher = await client(t, at, { clientId: 'w' });
  const wills: string[] = [];
  watcher.on('message', (topic) => wills.push(topic));
  await watcher.subscribeAsync('will/#');
  const raw = new RawClient(at.port);
  raw.send(connectPacket('silent', { keepAlive: 1, will: { topic: 'will/silent', payload: 'x' } }));
  await until(() => raw.closed, 'the cut');
  await until(() => wills.length === 1, 'the will');
  t.is(at.broker.status.counters.silent, 1);
});

test('a subscriber that stops reading delays nobody’s PUBACK and no other subscriber, and costs bounded memory', async (t) => {
  const at = await bench(t, { broker: { limits: { outputBytes: 64 << 10, liveQueue: 50 } } });
  const stalled = ['live', 'kept'].map((id) => {
    const raw = new RawClient(at.port);
    t.teardown(() => raw.socket.destroy());
    raw.send(connectPacket(id, { clean: id === 'live' }), subscribePacket(1, { 'plant/#': 1 }));
    return raw;
  });
  const reader = new RawClient(at.port);
  t.teardown(() => reader.socket.destroy());
  reader.send(connectPacket('reader'), subscribePacket(1, { 'plant/#': 1 }));
  await until(() => [...stalled, reader].every((raw) => raw.types.includes(type.suback)), 'SUBACKs');
  for (const raw of stalled) raw.socket.pause();
  const sensor = new RawClient(at.port);
  t.teardown(() => sensor.socket.destroy());
  sensor.send(connectPacket('sensor'));
  const payload = Buffer.alloc(10_000, 0x61);
  let taken = 0;
  for (let sent = 1; sent <= 1_000; sent++) {
    sensor.send(publishPacket('plant/a', payload, { qos: 1, id: sent }));
    if (sent % 50 > 0) continue;
    await until(() => sensor.of(type.puback).length === sent, 'PUBACKs');
    await until(() => reader.of(type.publish).length === sent, 'messages');
    for (const bytes of reader.of(type.publish).slice(taken)) reader.send(puback(readPublish(bytes).id));
    taken = sent;
  }
  t.true(at.broker.status.counters['dropped-live'] > 0);
  for (const raw of stalled) raw.socket.resume();
  const kept = stalled[1];
  let acknowledged = 0;
  await until(() => {
    const new_ = kept?.of(type.publish).slice(acknowledged) ?? [];
    for (const bytes of new_) kept?.send(puback(readPublish(bytes).id));
    acknowledged += new_.length;
    return acknowledged === 1_000;
  }, 'all messages of the persistent session');
  t.false(kept?.closed);
});

test('a client that never reads its answers is cut when they pass the limit', async (t) => {
  const at = await bench(t, { broker: { limits: { answerBytes: 64 << 10 } } });
  const raw = new RawClient(at.port);
  raw.socket.pause();
  raw.send(connectPacket('deaf'));
  const pings = Buffer.concat(Array.from({ length: 50_000 }, () => pingreq));
  const pulse = setInterval(() => raw.socket.write(pings), 5);
  t.teardown(() => clearInterval(pulse));
  await until(() => at.broker.status.counters.unread === 1, 'the cut');
  t.is(at.broker.status.connections, 0);
});

test('connections, sessions and subscriptions are refused beyond their limits', async (t) => {
  const at = await bench(t, { broker: { maxConnections: 3, limits: { sessions: 1, subscriptions: 2 } } });
  const first = new RawClient(at.port);
  const second = new RawClient(at.port);
  t.teardown(() => closeAll([first, second]));
  first.send(connectPacket('first', { clean: false }));
  await until(() => first.types.includes(type.connack), 'CONNACK');
  second.send(connectPacket('second', { clean: false }));
  await until(() => second.closed, 'the refusal');
  t.deepEqual([...(second.of(type.connack)[0] ?? [])], [0x20, 2, 0, 3]);
  first.send(subscribePacket(1, { a: 1, b: 1, c: 1 }));
  await until(() => first.types.includes(type.suback), 'SUBACK');
  t.deepEqual([...(first.of(type.suback)[0] ?? [])], [0x90, 5, 0, 1, 1, 1, 128]);
  const more = [1, 2, 3].map(() => new RawClient(at.port));
  t.teardown(() => closeAll(more));
  await until(() => more.some((raw) => raw.closed), 'a refused connection');
  const { counters } = at.broker.status;
  t.deepEqual(
    [counters['refused-sessions'], counters['refused-subscriptions'], counters['refused-connections']],
    [1, 1, 1],
  );
});

test('garbage and oversized packets cut their own connection only', async (t) => {
  const at = await bench(t, { broker: { maxPacketBytes: 10_000 } });
  const good = new RawClient(at.port);
  t.teardown(() => good.socket.destroy());
  good.send(connectPacket('good'));
  const garbage: (readonly number[] | Uint8Array)[] = [
    [0x00],
    [0xff, 0xff, 0xff, 0xff, 0xff],
    [0x30, 0x80],
    [0x36, 4, 0, 1, 0x61, 0],
    [0x32, 3, 0, 1, 0x61],
    [0x32, 5, 0, 1, 0x61, 0, 0],
    [0x30, 3, 0, 1, 0x23],
    [0x40, 1, 0],
    [0x10, 2, 0, 0],
    [0x82, 3, 0, 1, 9],
    publishPacket('a', Buffer.alloc(20_000)),
  ];
  for (const bytes of garbage) {
    const raw = new RawClient(at.port);
    raw.send(connectPacket('bad'), bytes);
    raw.socket.end();
    await until(() => raw.closed, `the cut for ${[...bytes.slice(0, 6)]}`);
  }
  for (const bytes of garbage) {
    const raw = new RawClient(at.port);
    raw.send(bytes);
    raw.socket.end();
    await until(() => raw.closed, 'the cut before CONNECT');
  }
  good.send(pingreq);
  await until(() => good.types.includes(type.pingresp), 'PINGRESP');
  t.is(at.broker.status.connections, 1);
});
