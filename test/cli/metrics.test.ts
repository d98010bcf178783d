import test from 'ava';
import { connectAsync } from 'mqtt';
import { ask } from '../api/ask.ts';
import { makeDirectory, type RunningAgent } from './hypha.ts';
import { startPair } from './pair.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

interface Line {
  readonly cursor: string;
  readonly delivered: number;
  readonly pending: number;
  readonly expired: number;
  readonly dropped: Readonly<Record<string, number>>;
}

/** `name{labels} value`, by name and labels. */
async function scrape(agent: RunningAgent): Promise<ReadonlyMap<string, number>> {
  const { text } = await ask(agent, '/metrics');
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

async function account(agent: RunningAgent): Promise<readonly Line[]> {
  return (JSON.parse((await ask(agent, '/hypha/v1/ring/audit')).text) as { lines: readonly Line[] }).lines;
}

/** Until the far ring has acknowledged all: then nothing moves any more. */
async function drained(agent: RunningAgent): Promise<void> {
  while ((await account(agent)).some(({ pending }) => pending > 0));
}

test('the metrics of CONTRACT.md are there after traffic, and say what the account says', async (t) => {
  const pair = await startPair(directory.path);
  t.teardown(() => pair.stop());
  const reader = await connectAsync(`mqtt://${pair.hub.doors['mqtt']}`, { clientId: 'reader', clean: false });
  await reader.subscribeAsync('gateway/plant/#', { qos: 1 });
  let count = 0;
  const all = new Promise<void>((resolve) => reader.on('message', () => ++count === 50 && resolve()));
  const sensor = await connectAsync(`mqtt://${pair.gateway.doors['mqtt']}`);
  await Promise.all(Array.from({ length: 50 }, (_, n) => sensor.publishAsync('plant/7', String(n), { qos: 1 })));
  await all;
  await Promise.all([sensor.endAsync(), reader.endAsync()]);

  await drained(pair.gateway);
  const near = await scrape(pair.gateway);
  const lines = await account(pair.gateway);
  const link = lines.find(({ cursor }) => cursor.startsWith('link/'));
  t.is(near.get('hypha_link_pending{link="hub",lane="1"}'), link?.pending);
  t.is(near.get('hypha_link_delivered_total{link="hub",lane="1"}'), link?.delivered);
  for (const reason of ['full', 'damaged', 'refused', 'abandoned']) {
    const sum = lines.reduce((total, { dropped }) => total + (dropped[reason] ?? Number.NaN), 0);
    t.is(near.get(`hypha_dropped_total{reason="${reason}"}`), sum, reason);
  }
  t.is(near.get(`hypha_peer_up{peer="tcp://${pair.hub.doors['overlay']}"}`), 1);
  t.true((near.get('hypha_ring_bytes') ?? 0) > 0);
  t.true((near.get('hypha_ring_oldest_seconds') ?? -1) >= 0);
  t.true((near.get('hypha_broker_received_total') ?? 0) >= 50);
  const far = await scrape(pair.hub);
  t.is(far.get('hypha_bus_stored_total{from="gateway",lane="1"}'), 50);
  t.true((far.get('hypha_broker_sent_total') ?? 0) >= 50);
  for (const name of ['bus', 'broker', 'overlay'])
    t.true(
      [...far.keys()].some((key) => key.startsWith(`hypha_${name}_total{what=`)),
      name,
    );
});
