import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import test from 'ava';
import { connectAsync, type IPublishPacket } from 'mqtt';
import { makePair, type Pair } from '../load/pair.ts';
import { within } from '../load/patience.ts';

const hasMosquitto = spawnSync('mosquitto_pub', ['--help']).error === undefined;
const patienceMs = 20_000;

async function withPair(work: (pair: Pair) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(`${tmpdir()}/hypha-peers-`);
  const pair = await makePair({ directory, ring: 'size = "16MB", commit = "now"' });
  try {
    await Promise.all([pair.gateway.start(), pair.hub.start()]);
    await work(pair);
  } finally {
    await Promise.all([pair.gateway.kill(), pair.hub.kill()]);
    rmSync(directory, { recursive: true, force: true });
  }
}

test('MQTT.js: payload, QoS, retain flag and the properties of MQTT 5 cross', async (t) => {
  await withPair(async ({ gateway, hub }) => {
    const far = await connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, { protocolVersion: 5 });
    const near = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, { protocolVersion: 5 });
    const arrived = new Promise<{ topic: string; payload: Buffer; packet: IPublishPacket }>((resolve) =>
      far.once('message', (topic, payload, packet) => resolve({ topic, payload, packet })),
    );
    await far.subscribeAsync('gateway/plant/#', { qos: 2 });
    const properties = {
      contentType: 'application/json',
      responseTopic: 'plant/answer',
      correlationData: Buffer.from([1, 2, 3]),
      userProperties: { unit: '°C', place: 'boiler' },
      payloadFormatIndicator: true,
    };
    await near.publishAsync('plant/7/temperature', '{"value":71.5}', { qos: 2, properties });
    const { topic, payload, packet } = await within(patienceMs, 'the message at the far end', arrived);
    t.is(topic, 'gateway/plant/7/temperature');
    t.is(payload.toString(), '{"value":71.5}');
    t.is(packet.qos, 2);
    t.like(packet.properties, { ...properties, userProperties: { ...properties.userProperties } });
    await near.publishAsync('plant/7/state', 'on', { qos: 1, retain: true });
    const late = await connectAsync(`mqtt://127.0.0.1:${hub.mqttPort}`, { protocolVersion: 4 });
    const retained = new Promise<IPublishPacket>((resolve) => late.on('message', (_, __, found) => resolve(found)));
    await late.subscribeAsync('gateway/plant/7/state', { qos: 1 });
    t.is((await within(patienceMs, 'the retained message', retained)).payload.toString(), 'on');
    await Promise.all([far.endAsync(), near.endAsync(), late.endAsync()]);
  });
});

const title = 'mosquitto_pub publishes at one end, mosquitto_sub gets it at the other';
(hasMosquitto ? test : test.skip)(hasMosquitto ? title : `${title} (skipped: not installed)`, async (t) => {
  await withPair(async ({ gateway, hub }) => {
    const to = ['-h', '127.0.0.1', '-p', String(hub.mqttPort), '-i', 'far', '-c', '-q', '2', '-t', 'gateway/plant/#'];
    spawnSync('mosquitto_sub', [...to, '-E']);
    const sub = spawn('mosquitto_sub', [...to, '-v', '-C', '2']);
    let heard = '';
    sub.stdout.on('data', (bytes: Buffer) => {
      heard += bytes.toString();
    });
    const ended = new Promise((resolve) => sub.once('close', resolve));
    const from = ['-h', '127.0.0.1', '-p', String(gateway.mqttPort), '-t', 'plant/3'];
    await promisify(execFile)('mosquitto_pub', [...from, '-q', '2', '-m', 'twenty']);
    await promisify(execFile)('mosquitto_pub', [...from, '-q', '2', '-V', 'mqttv5', '-m', 'twenty-one']);
    await within(patienceMs, () => `two messages, found ${JSON.stringify(heard)}`, ended);
    t.is(heard, 'gateway/plant/3 twenty\ngateway/plant/3 twenty-one\n');
  });
});
