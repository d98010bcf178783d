import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { type Account, audit } from '../../test/load/audit.ts';
import { memoryOf } from '../../test/load/memory.ts';
import { farTopic } from '../../test/load/pair.ts';
import { Publisher } from '../../test/load/publisher.ts';
import { Subscriber } from '../../test/load/subscriber.ts';
import { hypha, type Keeper, mosquitto } from './backlog/contender.ts';

const megabytes = Number(process.env['MEGABYTES'] ?? 256);
const payloadBytes = 1024;
const count = megabytes * 1024;
const publishers = 4;
const common = { version: 4, qos: 1, keepAliveSeconds: 60 } as const;
const patienceMs = 30 * 60_000;

interface Measured {
  readonly end: string;
  readonly takenMs: number;
  readonly readyMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** MB: before, with the backlog, after the restart, the most in each quarter of the drain. */
  readonly rss: readonly number[];
  readonly account: Account;
}

/**
 * `MEGABYTES=1024 npm run bench -- backlog`: so much, in readings of 1 KiB with QoS 1, waits at the near end while the link is
 * closed; that end is stopped (hypha by SIGKILL; mosquitto in order, or it would lose what it has not saved) and started again;
 * the link comes back, and all of it crosses to a persistent subscriber. Order and exactly-once are checked from both logs.
 */
export async function run(): Promise<void> {
  const directory = mkdtempSync(`${tmpdir()}/hypha-backlog-`);
  const found = new Map<string, Measured>();
  for (const make of [hypha, mosquitto]) {
    const keeper = await make(`${directory}/${make.name}`, megabytes);
    try {
      found.set(keeper.name, await measure(keeper));
    } finally {
      await keeper.stop();
    }
  }
  rmSync(directory, { recursive: true, force: true });
  print(found);
}

async function measure(keeper: Keeper): Promise<Measured> {
  await keeper.start();
  const sensors = Array.from({ length: publishers }, (_, index) => {
    const own = {
      clientId: `bench-${index}`,
      publisher: index,
      topic: `plant/${index}/value`,
      window: 1_000,
      clean: true,
    };
    return new Publisher({ ...common, ...own, payloadBytes, port: keeper.nearPort });
  });
  const far = { clientId: 'bench-far', filter: farTopic('plant/#'), clean: false, port: keeper.farPort };
  const subscriber = new Subscriber({ ...common, ...far });
  subscriber.start();
  await subscriber.subscribed();
  for (const sensor of sensors) sensor.start();
  await Promise.all(sensors.map((sensor) => sensor.progress.until(() => sensor.connection.connected)));
  await keeper.relay.close();
  const idle = memoryOf(keeper.nearPid()).rss;
  const takenMs = await timed(async () => {
    for (const sensor of sensors) sensor.publish(count / publishers);
    await Promise.all(sensors.map((sensor) => sensor.progress.until(() => sensor.finished)));
  });
  const held = memoryOf(keeper.nearPid()).rss;
  await Promise.all(sensors.map((sensor) => sensor.stop()));
  const readyMs = await keeper.restartNear();
  const restarted = memoryOf(keeper.nearPid()).rss;
  const drained = await drain(keeper, subscriber);
  const account = audit(
    sensors.map(({ log }) => log),
    subscriber.log,
    farTopic,
  );
  await subscriber.stop();
  const { firstMs, lastMs, quarters } = drained;
  return { end: keeper.end, takenMs, readyMs, firstMs, lastMs, rss: [idle, held, restarted, ...quarters], account };
}

async function drain(keeper: Keeper, { log, progress }: Subscriber) {
  const quarters = [0, 0, 0, 0];
  let last = false;
  const watch = async (): Promise<void> => {
    for (const until = performance.now() + patienceMs; !last && performance.now() < until; await pause(200)) {
      const quarter = Math.min(3, Math.floor((4 * log.count) / count));
      quarters[quarter] = Math.max(quarters[quarter] ?? 0, memoryOf(keeper.nearPid()).rss);
    }
  };
  const watching = watch();
  const startedAt = performance.now();
  await keeper.relay.reopen();
  await progress.until(() => log.count > 0);
  const firstMs = performance.now() - startedAt;
  await progress.until(() => log.count >= count);
  const lastMs = performance.now() - startedAt;
  last = true;
  await watching;
  // What comes twice comes late.
  await pause(2_000);
  return { firstMs, lastMs, quarters };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function print(found: ReadonlyMap<string, Measured>): void {
  console.log(
    `a backlog of ${megabytes} MB: ${count} readings of ${payloadBytes} bytes, QoS 1, ${publishers} publishers`,
  );
  const names = [...found.keys()];
  line('', ...names, 'hypha ÷ m.');
  const row = (title: string, digits: number, pick: (measured: Measured) => number): void => {
    const values = [...found.values()].map(pick);
    const [ours = Number.NaN, theirs = Number.NaN] = values;
    line(title, ...values.map((value) => value.toFixed(digits)), (ours / theirs).toFixed(2));
  };
  row('taken in, s', 1, ({ takenMs }) => takenMs / 1000);
  row('ready after the restart, ms', 0, ({ readyMs }) => readyMs);
  row('link back to first reading, s', 2, ({ firstMs }) => firstMs / 1000);
  row('link back to the last, s', 1, ({ lastMs }) => lastMs / 1000);
  row('drained, readings/s', 0, ({ firstMs, lastMs }) => count / ((lastMs - firstMs) / 1000));
  const parts = ['first', 'second', 'third', 'last'].map((which) => `in the ${which} quarter`);
  for (const [index, title] of ['idle', 'with the backlog', 'restarted', ...parts].entries())
    row(`RSS ${title}, MB`, 0, ({ rss }) => rss[index] ?? Number.NaN);
  for (const [name, { account, end }] of found) {
    const { acknowledged, delivered, lost, copies, doubled, outOfOrder, invented } = account;
    console.log(
      `${name}, stopped by ${end}: ${acknowledged} acknowledged, ${delivered} delivered, ${lost} lost, ${copies} copies, ` +
        `${doubled} doubled, ${outOfOrder} out of order, ${invented} invented`,
    );
  }
}

function line(title: string, ...cells: readonly string[]): void {
  console.log(`${title.padEnd(32)}${cells.map((cell) => cell.padStart(12)).join('')}`);
}
