import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FarNamespace } from '../../test/crossing/namespace.ts';
import { AgentProcess } from '../../test/load/agent-process.ts';
import { freePort } from '../../test/load/ports.ts';
import { Publisher } from '../../test/load/publisher.ts';
import { Subscriber } from '../../test/load/subscriber.ts';

const seconds = Number(process.env['SECONDS'] ?? 60);
const megabytes = 64;
const perSecond = 8;
const common = { version: 4, qos: 1, keepAliveSeconds: 60 } as const;
/** The device queue of a modem: so long may what has left the agent wait. */
const [rate, queue] = ['1mbit', '60ms'];
/** What the way itself takes, each way: the kernel of a plain machine may have no netem, so a relay beside the hub waits. */
const wayMs = Number(process.env['WAY_MS'] ?? 20);

interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  readonly count: number;
}

/**
 * Urgent readings of 200 bytes from a gateway to a hub in a network namespace, over a veth shaped to 1 Mbit/s both ways (tc tbf)
 * and 20 ms long each way: alone, while a file of 64 MB crosses (`hypha send --file`), and while 64 MB of readings on the bulk lane do. Needs root.
 */
export async function run(): Promise<void> {
  const namespace = new FarNamespace();
  const directory = mkdtempSync(`${tmpdir()}/hypha-lanes-`);
  try {
    shape(namespace);
    const pair = await agents(directory, namespace);
    const relay = await delaying(namespace, pair);
    await Promise.all([pair.hub.start(), pair.gateway.start()]);
    try {
      await measure(directory, pair);
    } finally {
      relay.kill();
      await Promise.all([pair.gateway.kill(), pair.hub.kill()]);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
    namespace.remove();
  }
}

interface Agents {
  readonly gateway: AgentProcess;
  readonly hub: AgentProcess;
  readonly door: string;
  /** Where the gateway dials, and something passes it on to the hub. */
  readonly relayPort: number;
}

async function delaying({ wrapper, address }: FarNamespace, { hub, relayPort }: Agents): Promise<ChildProcess> {
  const [command = '', ...args] = wrapper;
  const script = fileURLToPath(new URL('lanes/delay.ts', import.meta.url));
  const places = [address, relayPort, hub.overlayPort, wayMs].map(String);
  const child = spawn(command, [...args, process.execPath, script, ...places], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return child;
}

function shape({ name, near, far }: FarNamespace): void {
  const tbf = ['root', 'tbf', 'rate', rate, 'burst', '3kb', 'latency', queue];
  execFileSync('tc', ['qdisc', 'add', 'dev', near, ...tbf]);
  execFileSync('tc', ['-n', name, 'qdisc', 'add', 'dev', far, ...tbf]);
}

async function agents(directory: string, { wrapper, address }: FarNamespace): Promise<Agents> {
  const door = `${directory}/door`;
  const entry = 'test/crossing/agent.ts';
  const variables = { TEST_DOOR: door };
  for (const name of ['gateway', 'hub']) mkdirSync(`${directory}/${name}`);
  const gateway = await AgentProcess.create({ name: 'gateway', directory: `${directory}/gateway`, entry });
  const place = { directory: `${directory}/hub`, overlayHost: address };
  const hub = await AgentProcess.create({ name: 'hub', ...place, wrapper, variables, entry });
  const link = (lane: string): string => `[[link]]\nto = "hub"\ntopics = ["${lane}/#"]\nlane = "${lane}"\n`;
  const ring = 'ring = { size = "256MB" }';
  const relayPort = await freePort();
  gateway.configure(
    [`tcp://${address}:${relayPort}`],
    `${ring}\ncontacts = { hub = "${hub.publicKey}" }\n${link('urgent')}${link('bulk')}`,
  );
  hub.configure(
    [],
    `${ring}\ncontacts = { gateway = "${gateway.publicKey}" }\n[[accept]]\nfrom = "gateway"\ntopics = ["#"]\nmax_file = "1GB"\n`,
  );
  return { gateway, hub, door, relayPort };
}

async function measure(directory: string, { gateway, hub, door }: Agents): Promise<void> {
  const subscriber = new Subscriber({
    ...common,
    port: hub.mqttPort,
    path: door,
    clientId: 'far',
    filter: 'urgent/#',
    clean: false,
  });
  const own = { payloadBytes: 200, window: 1_000, clean: true, port: gateway.mqttPort };
  const urgent = new Publisher({ ...common, ...own, clientId: 'urgent', publisher: 1, topic: 'urgent/1' });
  subscriber.start();
  await subscriber.subscribed();
  urgent.start();
  await paced(urgent, subscriber, 5);
  const found = new Map<string, Latencies>();
  found.set('idle', await paced(urgent, subscriber, seconds));
  const file = `${directory}/big.img`;
  writeFileSync(file, randomFillSync(Buffer.alloc(megabytes * 1024 * 1024)));
  await gateway.command('send', 'hub', '--file', file, '--topic', 'files');
  await pause(5_000);
  found.set('beside a file', await paced(urgent, subscriber, seconds));
  const [transfer] = transfersOf(await gateway.command('transfers'));
  console.log(`the file meanwhile: ${transfer?.['state']}, ${transfer?.['doneBytes']} bytes of it there`);
  await fetch(`http://127.0.0.1:${gateway.apiPort}/hypha/v1/transfers/${transfer?.['id']}`, { method: 'DELETE' });
  const bulk = new Publisher({
    ...common,
    ...own,
    payloadBytes: 1_024,
    clientId: 'bulk',
    publisher: 2,
    topic: 'bulk/1',
  });
  bulk.start();
  bulk.publish(megabytes * 1_024);
  await bulk.progress.until(() => bulk.finished);
  await pause(5_000);
  found.set('beside bulk readings', await paced(urgent, subscriber, seconds));
  await Promise.all([urgent.stop(), bulk.stop(), subscriber.stop()]);
  print(found);
}

const transfersOf = (answer: unknown): readonly Record<string, unknown>[] =>
  (Array.isArray(answer) ? answer : ((answer as { transfers?: Record<string, unknown>[] }).transfers ?? [])) as never;

/** So many a second, at uneven moments; what each took from publisher to subscriber. */
async function paced(urgent: Publisher, { log, progress }: Subscriber, forSeconds: number): Promise<Latencies> {
  const from = log.count;
  const count = forSeconds * perSecond;
  for (let n = 0; n < count; n++) {
    urgent.publish(1);
    await pause((500 + Math.random() * 1_000) / perSecond);
  }
  await progress.until(() => log.count >= from + count);
  const took = Array.from(
    { length: log.count - from },
    (_, row) => log.atMs.at(from + row) - log.sentAtMs.at(from + row),
  );
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), worstMs: at(1), count: took.length };
}

function print(found: ReadonlyMap<string, Latencies>): void {
  const idle = found.get('idle')?.p99Ms ?? Number.NaN;
  console.log(
    `urgent readings over ${rate}, ${perSecond}/s for ${seconds} s each, device queue ${queue}, ${wayMs} ms each way`,
  );
  line('', 'p50 ms', 'p99 ms', 'worst ms', 'p99 ÷ idle');
  for (const [title, { p50Ms, p99Ms, worstMs }] of found)
    line(title, p50Ms.toFixed(1), p99Ms.toFixed(1), worstMs.toFixed(1), (p99Ms / idle).toFixed(2));
}

function line(title: string, ...cells: readonly string[]): void {
  console.log(`${title.padEnd(24)}${cells.map((cell) => cell.padStart(12)).join('')}`);
}
