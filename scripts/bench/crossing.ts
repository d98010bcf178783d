import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Contender, hyphaPair, mosquittoPair } from './crossing/contender.ts';
import { Load, type Paced, type Speed } from './crossing/measure.ts';
import { syncMs } from './crossing/sync.ts';

const rounds = Number(process.env['ROUNDS'] ?? 5);
const rates = [100, 1_000, 5_000] as const;
const secondsEach = 3;
const warmUp = 20_000;
const fullSpeedCount = 100_000;
const drainCount = 60_000;

interface Result {
  readonly full: Speed[];
  readonly paced: Map<number, Paced[]>;
  readonly drainMs: number[];
}

type Maker = (directory: string, relayed: boolean) => Promise<Contender>;

const makers: Readonly<Record<string, Maker>> = {
  mosquitto: mosquittoPair,
  now: (directory, relayed) => hyphaPair(directory, 'now', relayed),
  window: (directory, relayed) => hyphaPair(directory, '5ms', relayed),
};

/**
 * Durable QoS 1 readings of 200 bytes from publishers at one end to a persistent subscriber at the other: hypha, which
 * syncs at both ends, beside two mosquitto bridged over TLS, which sync nothing. Same load client, same run, interleaved.
 */
export async function run(): Promise<void> {
  const directory = mkdtempSync(`${tmpdir()}/hypha-crossing-`);
  const results = new Map(Object.keys(makers).map((name) => [name, emptyResult()]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, make] of Object.entries(makers))
      await measure(await make(`${directory}/${name}`, false), results.get(name) ?? emptyResult());
    for (const name of ['mosquitto', 'window'])
      await measureDrain(name, `${directory}/${name}`, results.get(name) ?? emptyResult());
  }
  const sync = await syncMs(directory);
  rmSync(directory, { recursive: true, force: true });
  print(results, sync);
}

const emptyResult = (): Result => ({ full: [], paced: new Map(rates.map((rate) => [rate, []])), drainMs: [] });

async function measure(contender: Contender, result: Result): Promise<void> {
  await contender.start();
  const load = new Load(contender);
  await load.start();
  await load.fullSpeed(warmUp);
  for (const rate of rates) result.paced.get(rate)?.push(await load.paced(rate, secondsEach));
  result.full.push(await load.fullSpeed(fullSpeedCount));
  await load.stop();
  await contender.stop();
}

async function measureDrain(name: string, directory: string, result: Result): Promise<void> {
  const contender = await makers[name]?.(directory, true);
  if (contender === undefined) return;
  await contender.start();
  const load = new Load(contender);
  await load.start();
  await load.fullSpeed(warmUp);
  result.drainMs.push(await load.drain(drainCount, () => contender.relay.reopen()));
  await load.stop();
  await contender.stop();
}

function print(results: ReadonlyMap<string, Result>, sync: number): void {
  const mosquitto = results.get('mosquitto') ?? emptyResult();
  const now = results.get('now') ?? emptyResult();
  const gathered = results.get('window') ?? emptyResult();
  console.log(`medians of ${rounds} interleaved rounds; one sync ${sync.toFixed(2)} ms; hypha durable at both ends`);
  line('', 'mosquitto', 'now', '5ms', 'now ÷ m.', '5ms ÷ m.');
  const speeds = [mosquitto, now, gathered];
  row(
    'full speed, readings/s',
    0,
    speeds.map((of) => median(of.full.map((each) => each.perSecond))),
  );
  row(
    'full speed, CPU µs a reading',
    1,
    speeds.map((of) => median(of.full.map((each) => each.cpuUsPerReading))),
  );
  for (const rate of rates) {
    const at = (pick: (paced: Paced) => number) => speeds.map((of) => median((of.paced.get(rate) ?? []).map(pick)));
    row(
      `${rate}/s, p50 ms`,
      2,
      at((paced) => paced.p50Ms),
    );
    row(
      `${rate}/s, p99 ms`,
      2,
      at((paced) => paced.p99Ms),
    );
    row(
      `${rate}/s, CPU µs a reading`,
      1,
      at((paced) => paced.cpuUsPerReading),
    );
  }
  row(`drain of ${drainCount}, s`, 2, [median(mosquitto.drainMs) / 1000, Number.NaN, median(gathered.drainMs) / 1000]);
}

function row(title: string, digits: number, [peer = 0, now = 0, gathered = 0]: readonly number[]): void {
  const figure = (value: number, places: number): string => (Number.isNaN(value) ? '–' : value.toFixed(places));
  line(
    title,
    ...[peer, now, gathered].map((value) => figure(value, digits)),
    figure(now / peer, 2),
    figure(gathered / peer, 2),
  );
}

function line(title: string, ...cells: readonly string[]): void {
  console.log(`${title.padEnd(30)}${cells.map((cell) => cell.padStart(11)).join('')}`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
