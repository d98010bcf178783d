import test, { type ExecutionContext } from 'ava';
import { type Bench, bench, client, RawClient, turns, until } from './kit.ts';
import {
  type ConnectWith,
  connectPacket,
  disconnect,
  expiry,
  idOf,
  puback,
  pubcomp,
  publishPacket,
  pubrec,
  readPublish,
  receiveMaximum,
  subscribePacket,
  type,
} from './wire.ts';

async function connected(t: ExecutionContext, at: Bench, id: string, how: ConnectWith = {}): Promise<RawClient> {
  const raw = new RawClient(at.port);
  t.teardown(() => raw.socket.destroy());
  raw.send(connectPacket(id, how));
  await until(() => raw.types.includes(type.connack), 'CONNACK');
  return raw;
}

const persistent: ConnectWith = { clean: false };

async function subscribed(
  t: ExecutionContext,
  at: Bench,
  id: string,
  qos: 0 | 1 | 2,
  how = persistent,
): Promise<RawClient> {
  const raw = await connected(t, at, id, how);
  raw.send(subscribePacket(1, { 'plant/#': qos }, how.version ?? 4));
  await until(() => raw.types.includes(type.suback), 'SUBACK');
  return raw;
}

/** Publishes from one QoS 1 client, each acknowledged when this returns. */
async function publish(t: ExecutionContext, at: Bench, payloads: readonly string[], qos: 1 | 2 = 1): Promise<void> {
  const sensor = await client(t, at, { clientId: `sensor-${Math.random()}` });
  await Promise.all(payloads.map((payload) => sensor.publishAsync('plant/a', payload, { qos })));
  await sensor.endAsync();
}

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => String(from + index));
const published = (raw: RawClient) => raw.of(type.publish).map((bytes) => readPublish(bytes));
const present = (raw: RawClient): boolean => ((raw.of(type.connack)[0] ?? Buffer.alloc(3))[2] ?? 0) === 1;

test('aedes trap: session present is true for a session without subscriptions, and false after a clean start', async (t) => {
  const at = await bench(t);
  const first = await connected(t, at, 'same', persistent);
  t.false(present(first));
  first.send(disconnect);
  await until(() => first.closed, 'the end');
  await at.crash();
  await at.start();
  t.true(present(await connected(t, at, 'same', persistent)));
  t.false(present(await connected(t, at, 'same', { clean: true })));
  t.false(present(await connected(t, at, 'same', persistent)));
});

test('a clean start removes the session, its cursor and its state', async (t) => {
  const at = await bench(t);
  const raw = await subscribed(t, at, 'same', 1);
  t.true(at.ring.wanted('plant/a', null));
  raw.send(disconnect);
  await until(() => raw.closed, 'the end');
  await publish(t, at, ['lost with the session']);
  await connected(t, at, 'same', { clean: true });
  t.false(at.ring.wanted('plant/a', null));
  t.deepEqual([...at.ring.states('session/')], []);
  t.deepEqual(
    at.ring.cursors().filter(({ name }) => name.startsWith('session/')),
    [],
  );
});

test('an MQTT 5 session ends when its expiry interval has passed, and at once when it is 0', async (t) => {
  const at = await bench(t);
  const raw = await connected(t, at, 'short', { version: 5, clean: true, properties: expiry(1) });
  await connected(t, at, 'none', { version: 5, clean: true });
  t.is(at.broker.status.sessions, 1);
  raw.socket.destroy();
  await until(() => at.broker.status.sessions === 0, 'the end of the session');
  t.deepEqual([...at.ring.states('session/')], []);
});

test('a session whose interval passed while the agent was down ends after its next start', async (t) => {
  const at = await bench(t);
  await connected(t, at, 'short', { version: 5, clean: true, properties: expiry(1) });
  await at.crash();
  await at.start();
  t.is(at.broker.status.sessions, 1);
  await until(() => at.broker.status.sessions === 0, 'the end of the session');
});

test('unacknowledged messages come again after a reconnect, in order, with the same packet ids and DUP', async (t) => {
  const at = await bench(t);
  const raw = await subscribed(t, at, 'hub', 1);
  await publish(t, at, numbers(0, 6));
  await until(() => raw.of(type.publish).length === 6, 'six messages');
  const first = published(raw);
  t.deepEqual(
    first.map(({ dup }) => dup),
    Array(6).fill(false),
  );
  raw.send(puback(first[0]?.id ?? 0), puback(first[1]?.id ?? 0), puback(first[4]?.id ?? 0));
  await turns();
  raw.socket.destroy();
  const back = await connected(t, at, 'hub', persistent);
  await until(() => back.of(type.publish).length >= 3, 'the rest');
  await turns();
  t.deepEqual(
    published(back).map(({ id, payload, dup }) => [id, payload, dup]),
    [2, 3, 5].map((at) => [first[at]?.id, String(at), true]),
  );
});

test('after a crash unacknowledged messages come again with the same packet ids and DUP', async (t) => {
  const at = await bench(t);
  const raw = await subscribed(t, at, 'hub', 1);
  await publish(t, at, numbers(0, 4));
  await until(() => raw.of(type.publish).length === 4, 'four messages');
  const first = published(raw);
  await at.crash();
  await at.start();
  const back = await connected(t, at, 'hub', persistent);
  await until(() => back.of(type.publish).length >= 4, 'four messages');
  t.deepEqual(
    published(back),
    first.map((each) => ({ ...each, dup: true })),
  );
  back.send(...first.map(({ id }) => puback(id)));
  await turns();
  await publish(t, at, ['new']);
  await until(() => back.of(type.publish).length >= 5, 'the new one');
  t.deepEqual(
    published(back)
      .slice(4)
      .map(({ payload, dup }) => [payload, dup]),
    [['new', false]],
  );
});

test('aedes trap: no more is in flight than the window and the client’s Receive Maximum allow', async (t) => {
  const at = await bench(t, { broker: { inflight: 5 } });
  const four = await subscribed(t, at, 'four', 1);
  const five = await subscribed(t, at, 'five', 1, {
    version: 5,
    clean: false,
    properties: [...expiry(100), ...receiveMaximum(2)],
  });
  const live = await subscribed(t, at, 'live', 1, { version: 5, properties: receiveMaximum(3) });
  await publish(t, at, numbers(0, 10));
  await turns();
  t.is(four.of(type.publish).length, 5);
  t.is(five.of(type.publish).length, 2);
  t.is(live.of(type.publish).length, 3);
  for (const raw of [four, five, live]) {
    for (let taken = 0; taken < 10; taken++) {
      await until(() => raw.of(type.publish).length > taken, 'the next message');
      const bytes = raw.of(type.publish)[taken];
      if (bytes !== undefined) raw.send(puback(readPublish(bytes, raw === four ? 4 : 5).id));
    }
    t.deepEqual(
      raw.of(type.publish).map((bytes) => readPublish(bytes, raw === four ? 4 : 5).payload),
      numbers(0, 10),
    );
  }
});

test('aedes trap: QoS is lowered to that of the subscription, wildcards too, and overlapping filters give one copy', async (t) => {
  const at = await bench(t);
  for (const clean of [true, false]) {
    const raw = await connected(t, at, `s${clean}`, { clean });
    raw.send(subscribePacket(1, { 'plant/+': 0, 'plant/#': 1, 'plant/a': 1 }));
    await until(() => raw.types.includes(type.suback), 'SUBACK');
    await publish(t, at, numbers(0, 200), 2);
    for (let taken = 0; taken < 200; taken++) {
      await until(() => raw.of(type.publish).length > taken, `message ${taken}`);
      raw.send(puback(readPublish(raw.of(type.publish)[taken] ?? Buffer.alloc(0)).id));
    }
    await turns();
    t.false(raw.closed);
    t.deepEqual(
      published(raw).map(({ payload, qos }) => [payload, qos]),
      numbers(0, 200).map((payload) => [payload, 1]),
    );
  }
});

test('QoS 0 for a session that is away is not given out; while it is connected it is', async (t) => {
  const at = await bench(t);
  const raw = await subscribed(t, at, 'hub', 1);
  raw.send(disconnect);
  await until(() => raw.closed, 'the end');
  const sensor = await client(t, at, { clientId: 'sensor' });
  await sensor.publishAsync('plant/a', 'away', { qos: 0 });
  await sensor.publishAsync('plant/a', 'kept', { qos: 1 });
  const back = await connected(t, at, 'hub', persistent);
  await until(() => back.of(type.publish).length === 1, 'the QoS 1 message');
  await sensor.publishAsync('plant/a', 'there', { qos: 0 });
  await until(() => back.of(type.publish).length === 2, 'the QoS 0 message');
  t.deepEqual(
    published(back).map(({ payload, qos }) => [payload, qos]),
    [
      ['kept', 1],
      ['there', 0],
    ],
  );
  t.is(at.broker.status.counters['skipped-qos0'], 1);
});

test('a connection is cut when its client id connects again, and the session goes on where it was', async (t) => {
  const at = await bench(t);
  const raw = await subscribed(t, at, 'hub', 1);
  await publish(t, at, ['one', 'two']);
  await until(() => raw.of(type.publish).length === 2, 'two messages');
  raw.send(puback(published(raw)[0]?.id ?? 0));
  await turns();
  const back = await connected(t, at, 'hub', persistent);
  await until(() => raw.closed, 'the cut');
  await until(() => back.of(type.publish).length === 1, 'the second message');
  t.true(present(back));
  t.deepEqual(
    published(back).map(({ payload }) => payload),
    ['two'],
  );
});

test('a PUBREL leaves only after its PUBREC is durable, and stands in for the message after a crash', async (t) => {
  const at = await bench(t);
  const raw = await subscribed(t, at, 'hub', 2);
  await publish(t, at, ['one', 'two', 'three'], 2);
  await until(() => raw.of(type.publish).length === 3, 'three messages');
  const [one, two, three] = published(raw).map(({ id }) => id) as [number, number, number];
  at.disk.holdSyncs();
  raw.send(pubrec(one), pubrec(two));
  await turns();
  t.false(raw.types.includes(type.pubrel));
  at.disk.release();
  await until(() => raw.of(type.pubrel).length === 2, 'two PUBRELs');
  raw.send(pubcomp(two));
  await turns();
  await at.crash();
  await at.start();
  const back = await connected(t, at, 'hub', persistent);
  await until(() => back.types.includes(type.publish), 'the third message');
  t.deepEqual(back.of(type.pubrel).map(idOf), [one, two]);
  t.deepEqual(
    published(back).map(({ id, dup }) => [id, dup]),
    [[three, true]],
  );
});

test('a subscription survives a crash once it is acknowledged, and an unsubscription too', async (t) => {
  const at = await bench(t);
  const raw = await subscribed(t, at, 'hub', 1);
  at.disk.holdSyncs();
  raw.send(subscribePacket(2, { 'other/#': 1 }));
  await turns();
  t.is(raw.of(type.suback).length, 1);
  at.disk.release();
  await until(() => raw.of(type.suback).length === 2, 'SUBACK');
  const hub = await client(t, at, { clientId: 'hub', clean: false });
  await hub.unsubscribeAsync('plant/#');
  await at.crash();
  await at.start();
  t.false(at.ring.wanted('plant/a', null));
  t.true(at.ring.wanted('other/a', null));
});

test('a message whose expiry interval has passed is not given out; one that lives on says how long', async (t) => {
  const at = await bench(t);
  const hub = await client(t, at, {
    clientId: 'hub',
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 100 },
  });
  await hub.subscribeAsync('plant/#', { qos: 1 });
  await hub.endAsync();
  const sensor = await client(t, at, { clientId: 'sensor', protocolVersion: 5 });
  const properties = {
    contentType: 'text/plain',
    userProperties: { a: 'b' },
    responseTopic: 'r',
    correlationData: Buffer.from([1, 2]),
  };
  await sensor.publishAsync('plant/a', 'short', { qos: 1, properties: { messageExpiryInterval: 1 } });
  await sensor.publishAsync('plant/a', 'long', { qos: 1, properties: { ...properties, messageExpiryInterval: 1_000 } });
  const since = performance.now();
  await until(() => performance.now() - since > 1_100, 'more than a second');
  const got: { payload: string; properties: unknown }[] = [];
  const back = await client(t, at, {
    clientId: 'hub',
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 100 },
  });
  back.on('message', (_topic, payload, packet) =>
    got.push({ payload: payload.toString(), properties: packet.properties }),
  );
  await until(() => got.length > 0, 'the long one');
  await turns();
  t.is(got.length, 1);
  const { messageExpiryInterval, ...rest } = (got[0]?.properties ?? {}) as Record<string, unknown>;
  t.is(got[0]?.payload, 'long');
  t.like(rest, { contentType: 'text/plain', responseTopic: 'r', correlationData: Buffer.from([1, 2]) });
  t.true(Number(messageExpiryInterval) < 1_000 && Number(messageExpiryInterval) > 900);
});

test('messages from the bus reach live subscribers at once and persistent sessions by their cursor, one copy each', async (t) => {
  const at = await bench(t);
  const kept = await subscribed(t, at, 'kept', 1);
  const live = await subscribed(t, at, 'live', 1, { clean: true });
  at.broker.publish({ topic: 'plant/own', qos: 1, retain: false, payload: Buffer.from('x'), properties: {} });
  await until(() => kept.of(type.publish).length > 0 && live.of(type.publish).length > 0, 'one message each');
  await turns();
  t.is(kept.of(type.publish).length, 1);
  t.is(live.of(type.publish).length, 1);
  at.broker.deliver([
    {
      sequence: at.ring.durable,
      publication: { topic: 'plant/bus', qos: 1, retain: false, payload: Buffer.from('y'), properties: {} },
    },
  ]);
  await until(() => live.of(type.publish).length > 1, 'the bus’ message');
  t.is(kept.of(type.publish).length, 1);
});

test('publishes behind the answers of a reconnect storm arrive once each, in order', async (t) => {
  const at = await bench(t);
  const hub = await subscribed(t, at, 'hub', 1);
  hub.socket.destroy();
  const sensor = new RawClient(at.port);
  t.teardown(() => sensor.socket.destroy());
  sensor.send(connectPacket('sensor'));
  await until(() => sensor.types.includes(type.connack), 'CONNACK');
  const total = 6_000;
  let sent = 0;
  const pump = () => {
    while (sent < total && sent - sensor.of(type.puback).length < 500) {
      sensor.send(publishPacket('plant/a', String(sent), { qos: 1, id: (sent % 65_535) + 1 }));
      sent++;
    }
  };
  const got: string[] = [];
  let reconnects = 0;
  while (got.length < total) {
    const back = await connected(t, at, 'hub', persistent);
    let taken = 0;
    const share = reconnects++ < 5 ? 500 + reconnects * 130 : total;
    while (taken < share && got.length < total) {
      await until(() => {
        pump();
        return back.of(type.publish).length > taken;
      }, 'a message');
      for (const bytes of back.of(type.publish).slice(taken)) {
        const { id, payload, dup } = readPublish(bytes);
        taken++;
        if (!(dup && got.includes(payload))) got.push(payload);
        back.send(puback(id));
      }
    }
    back.socket.destroy();
  }
  t.is(reconnects, 6);
  t.deepEqual(got, numbers(0, total));
});
