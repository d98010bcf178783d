import test from 'ava';
import { bench, client, turns, until } from './kit.ts';

test('a persistent session gets what was published while it was away, in order, after a restart of the agent', async (t) => {
  const at = await bench(t);
  const away = await client(t, at, { clientId: 'hub', clean: false });
  await away.subscribeAsync('plant/#', { qos: 1 });
  await away.endAsync();
  const sensor = await client(t, at, { clientId: 'sensor' });
  for (let reading = 0; reading < 50; reading++) await sensor.publishAsync('plant/1', String(reading), { qos: 1 });
  await at.crash();
  await at.start();
  const got: string[] = [];
  const back = await client(t, at, {
    clientId: 'hub',
    clean: false,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: 1_000 },
  });
  back.on('message', (_topic, payload) => got.push(payload.toString()));
  await until(() => got.length >= 50, 'fifty messages');
  await turns();
  t.deepEqual(
    got,
    Array.from({ length: 50 }, (_, reading) => String(reading)),
  );
});

for (const protocolVersion of [4, 5] as const) {
  test(`live subscribers get messages of every QoS with MQTT ${protocolVersion}`, async (t) => {
    const at = await bench(t);
    const subscriber = await client(t, at, { clientId: 's', protocolVersion });
    const got: string[] = [];
    subscriber.on('message', (topic, payload, packet) => got.push(`${topic} ${payload} ${packet.qos}`));
    await subscriber.subscribeAsync({ 'a/+': { qos: 2 }, 'b/#': { qos: 1 } });
    const publisher = await client(t, at, { clientId: 'p', protocolVersion });
    await publisher.publishAsync('a/1', 'zero', { qos: 0 });
    await publisher.publishAsync('a/1', 'one', { qos: 1 });
    await publisher.publishAsync('a/2', 'two', { qos: 2 });
    await publisher.publishAsync('b/c/d', 'lowered', { qos: 2 });
    await until(() => got.length >= 4, 'four messages');
    t.deepEqual(got, ['a/1 zero 0', 'a/1 one 1', 'a/2 two 2', 'b/c/d lowered 1']);
  });

  test(`a retained message reaches new subscribers with MQTT ${protocolVersion}, also after a crash`, async (t) => {
    const at = await bench(t);
    const publisher = await client(t, at, { clientId: 'p', protocolVersion });
    await publisher.publishAsync('state/a', 'on', { qos: 1, retain: true });
    await publisher.publishAsync('state/b', 'gone', { qos: 1, retain: true });
    await publisher.publishAsync('state/b', '', { qos: 1, retain: true });
    await at.crash();
    await at.start();
    for (const clean of [true, false]) {
      const subscriber = await client(t, at, { clientId: `s${clean}`, clean, protocolVersion });
      const got: string[] = [];
      subscriber.on('message', (topic, payload, packet) => got.push(`${topic} ${payload} ${packet.retain}`));
      await subscriber.subscribeAsync('state/#', { qos: 1 });
      await until(() => got.length >= 1, 'the retained message');
      await turns();
      t.deepEqual(got, ['state/a on true']);
    }
  });
}
