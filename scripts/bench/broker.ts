import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { Publisher } from '../../test/load/publisher.ts';
import { Subscriber } from '../../test/load/subscriber.ts';

const rounds = Number(process.env['ROUNDS'] ?? 5);
const count = Number(process.env['COUNT'] ?? 100_000);
const payloadBytes = 200;
const mosquittoPort = 18_830 + (process.pid % 1_000);

interface Contender {
  readonly name: string;
  readonly args: readonly string[];
  /** `ack`: publishers alone. `live`, `kept`: one subscriber of that kind too, and the last message counts. */
  readonly scene: 'ack' | 'live' | 'kept';
}

const contenders: readonly Contender[] = [
  { name: 'aedes: publish → PUBACK, nothing stored', args: ['aedes'], scene: 'ack' },
  { name: 'ours: publish → durable → PUBACK', args: ['stored'], scene: 'ack' },
  { name: 'ours: the same, commit 5 ms', args: ['stored', '5'], scene: 'ack' },
  { name: 'aedes: publish → live subscriber', args: ['aedes'], scene: 'live' },
  { name: 'mosquitto: publish → live subscriber', args: ['mosquitto'], scene: 'live' },
  { name: 'ours: publish → live subscriber', args: ['ours'], scene: 'live' },
  { name: 'ours: publish → durable → persistent session', args: ['ours'], scene: 'kept' },
];

interface Speed {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

/** QoS 1, 200 bytes, one publisher with 1,000 in flight: messages a second and the broker's CPU a message. */
export async function run(): Promise<void> {
  const results = new Map<string, Speed[]>();
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      const speed = await measure(contender);
      results.set(contender.name, [...(results.get(contender.name) ?? []), speed]);
    }
  }
  const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
  const of = (name: string, key: keyof Speed) => median((results.get(name) ?? []).map((speed) => speed[key]));
  console.log(`medians of ${rounds} rounds, ${count} messages each; ratio to the first line of the scene`);
  for (const { name, scene } of contenders) {
    const base = contenders.find((other) => other.scene === (scene === 'kept' ? 'live' : scene))?.name ?? name;
    const perSecond = of(name, 'perSecond');
    const ratio = (perSecond / of(base, 'perSecond')).toFixed(2);
    const cpu = of(name, 'cpuMicros');
    const cells = [
      Math.round(perSecond).toLocaleString('en').padStart(9),
      ratio,
      cpu > 0 ? `${cpu.toFixed(1)} µs` : '',
    ];
    console.log(`${name.padEnd(48)} ${cells.join('  ')}`);
  }
}

async function measure({ args, scene }: Contender): Promise<Speed> {
  const served = args[0] === 'mosquitto' ? await mosquitto() : await forked(args);
  const common = { port: served.port, version: 4, qos: 1, keepAliveSeconds: 60 } as const;
  const subscriber = new Subscriber({ ...common, clean: scene === 'live', clientId: 'sub', filter: 'plant/#' });
  if (scene !== 'ack') {
    subscriber.start();
    await subscriber.subscribed();
  }
  const own = { publisher: 1, topic: 'plant/1', payloadBytes, window: 1_000 };
  const publisher = new Publisher({ ...common, ...own, clean: true, clientId: 'pub' });
  publisher.start();
  const pass = async (messages: number) => {
    const wanted = subscriber.log.count + messages;
    publisher.publish(messages);
    await publisher.progress.until(() => publisher.finished);
    if (scene !== 'ack') await subscriber.progress.until(() => subscriber.log.count >= wanted);
  };
  await pass(count / 5);
  const cpu = await served.cpu();
  const start = performance.now();
  await pass(count);
  const elapsedMs = performance.now() - start;
  const cpuMicros = ((await served.cpu()) - cpu) / count;
  await Promise.all([publisher.stop(), subscriber.stop()]);
  served.stop();
  return { perSecond: (count / elapsedMs) * 1_000, cpuMicros };
}

interface Served {
  readonly port: number;
  /** Microseconds used so far; 0 when nobody counts. */
  cpu(): Promise<number>;
  stop(): void;
}

async function forked(args: readonly string[]): Promise<Served> {
  const child: ChildProcess = fork(new URL('./broker/serve.ts', import.meta.url), [...args]);
  const [port] = await once(child, 'message');
  const cpu = async () => {
    child.send('cpu');
    const [micros] = await once(child, 'message');
    return Number(micros);
  };
  return { port: Number(port), cpu, stop: () => child.disconnect() };
}

async function mosquitto(): Promise<Served> {
  const config = `${mkdtempSync(`${tmpdir()}/hypha-bench-mosquitto-`)}/mosquitto.conf`;
  writeFileSync(
    config,
    `listener ${mosquittoPort} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n`,
  );
  const child = spawn('mosquitto', ['-c', config], { stdio: 'ignore' });
  for (;;) {
    const socket = createConnection({ port: mosquittoPort, host: '127.0.0.1' });
    const up = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (up) break;
  }
  return { port: mosquittoPort, cpu: async () => 0, stop: () => child.kill() };
}
