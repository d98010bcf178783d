import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type Memory, memoryOf } from '../../test/load/memory.ts';
import { makePair, type Pair } from '../../test/load/pair.ts';
import { Publisher } from '../../test/load/publisher.ts';
import { Subscriber } from '../../test/load/subscriber.ts';
import { bareNode } from './footprint/bare.ts';

const starts = 9;
const readings = 100_000;
const settleMs = 3_000;

/** Memory of an agent with broker, overlay, ring and a link, idle and after 100,000 readings; time from spawn to `ready`. */
export async function run(): Promise<void> {
  const directory = mkdtempSync(`${tmpdir()}/hypha-footprint-`);
  const pair = await makePair({ directory, ring: 'size = "512MB"' });
  const bareMs: number[] = [];
  const agentMs: number[] = [];
  for (let start = 0; start < starts; start++) {
    bareMs.push(await bareStart());
    await pair.gateway.start();
    agentMs.push(pair.gateway.readyAfterMs);
    await pair.gateway.stop();
  }
  const bare = await bareNode();
  await Promise.all([pair.gateway.start(), pair.hub.start()]);
  await pause(settleMs);
  const idle = memoryOf(pair.gateway.pid);
  const floor = memoryOf(bare.child.pid);
  await load(pair);
  await pause(settleMs);
  const gateway = memoryOf(pair.gateway.pid);
  const hub = memoryOf(pair.hub.pid);
  bare.child.kill();
  await Promise.all([pair.gateway.stop(), pair.hub.stop()]);
  rmSync(directory, { recursive: true, force: true });
  print([
    ['bare Node, idle', floor],
    ['agent, idle', idle],
    [`gateway after ${readings} readings`, gateway],
    [`hub after ${readings} readings`, hub],
  ]);
  const [bareStartMs, agentStartMs] = [median(bareMs), median(agentMs)];
  console.log(
    `start to ready, warm, median of ${starts}: agent ${agentStartMs.toFixed(0)} ms, bare Node ${bareStartMs.toFixed(0)} ms`,
  );
}

async function bareStart(): Promise<number> {
  const { child, firstLineMs } = await bareNode();
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill();
  await closed;
  return firstLineMs;
}

/** QoS 1 readings of 200 bytes through both agents to a persistent subscriber. */
async function load(pair: Pair): Promise<void> {
  const common = { version: 4, qos: 1, keepAliveSeconds: 60 } as const;
  const far = { clientId: 'far', port: pair.hub.mqttPort, filter: 'gateway/plant/#', clean: false };
  const near = { clientId: 'near', port: pair.gateway.mqttPort, topic: 'plant/1', clean: true };
  const subscriber = new Subscriber({ ...common, ...far });
  const publisher = new Publisher({ ...common, ...near, publisher: 1, payloadBytes: 200, window: 1_000 });
  subscriber.start();
  await subscriber.subscribed();
  publisher.start();
  publisher.publish(readings);
  await subscriber.progress.until(() => subscriber.log.count >= readings);
  await Promise.all([subscriber.stop(), publisher.stop()]);
}

function print(rows: readonly (readonly [string, Memory])[]): void {
  const line = (title: string, cells: readonly string[]): void =>
    console.log(`${title.padEnd(34)}${cells.map((cell) => cell.padStart(14)).join('')}`);
  line('MB', ['anonymous', 'PSS', 'RSS', 'anon ÷ bare']);
  const floor = rows[0]?.[1].anonymous ?? Number.NaN;
  for (const [title, { anonymous, pss, rss }] of rows)
    line(title, [...[anonymous, pss, rss].map((megabytes) => megabytes.toFixed(1)), (anonymous / floor).toFixed(2)]);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
