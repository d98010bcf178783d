import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Contender, hyphaPair, mosquittoPair } from './crossing/contender.ts';
import { type Drain, Load, type Paced, type Speed } from './crossing/measure.ts';
import { syncMs } from './crossing/sync.ts';

const rounds = Number(process.env['ROUNDS'] ?? 5);
/** `RATES=100,1000`: those alone, without full speed and drains. */
const chosenRates = process.env['RATES'];
const rates = chosenRates?.split(',').map(Number) ?? [100, 1_000, 5_000];
const secondsEach = 3;
const warmUp = 20_000;
/** Agents run for months: code that runs a thousand times a second is compiled long before. Same for all. */
const warmUpSeconds = 15;
const fullSpeedCount = 100_000;
const drainCount = 60_000;

interface Result {
  readonly full: Speed[];
  readonly paced: Map<number, Paced[]>;
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
  const drains = new Map<string, Drain[]>(Object.keys(drainers).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, make] of Object.entries(makers))
      await measure(await make(`${directory}/${name}`, false), results.get(name) ?? emptyResult());
    for (const [name, make] of chosenRates === undefined ? Object.entries(drainers) : [])
      drains.get(name)?.push(await measureDrain(await make(`${directory}/${name}`, true)));
  }
  const sync = await syncMs(directory);
  rmSync(directory, { recursive: true, force: true });
  print(results, sync);
  if (chosenRates === undefined) printDrains(drains);
}

/** Another choice than for the rest: mosquitto with its queue alone widened is what is usually deployed. */
const drainers: Readonly<Record<string, Maker>> = {
  hypha: (directory, relayed) => hyphaPair(directory, '5ms', relayed),
  'mosquitto, all limits off': mosquittoPair,
  'mosquitto, queue widened': (directory, relayed) => mosquittoPair(directory, relayed, 'queue widened'),
};

const emptyResult = (): Result => ({ full: [], paced: new Map(rates.map((rate) => [rate, []])) });

async function measure(contender: Contender, result: Result): Promise<void> {
  await contender.start();
  const load = new Load(contender);
  await load.start();
  await load.fullSpeed(warmUp);
  await load.paced(1_000, warmUpSeconds);
  for (const rate of rates) result.paced.get(rate)?.push(await load.paced(rate, secondsEach));
  if (chosenRates === undefined) result.full.push(await load.fullSpeed(fullSpeedCount));
  await load.stop();
  await contender.stop();
}

async function measureDrain(contender: Contender): Promise<Drain> {
  await contender.start();
  const load = new Load(contender);
  await load.start();
  await load.fullSpeed(5 * warmUp);
  const drain = await load.drain(drainCount, () => contender.relay.reopen());
  await load.stop();
  await contender.stop();
  return drain;
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
}

function printDrains(drains: ReadonlyMap<string, readonly Drain[]>): void {
  console.log(`\na backlog of ${drainCount} after an outage, seconds from the link's return`);
  line('', 'first', 'last', 'flow', '÷ hypha');
  const flow = (name: string): number =>
    median((drains.get(name) ?? []).map(({ firstMs, lastMs }) => lastMs - firstMs));
  for (const [name, found] of drains) {
    const seconds = (pick: (drain: Drain) => number): string => (median(found.map(pick)) / 1000).toFixed(2);
    const ratio = (flow(name) / flow('hypha')).toFixed(1);
    line(
      name,
      seconds(({ firstMs }) => firstMs),
      seconds(({ lastMs }) => lastMs),
      (flow(name) / 1000).toFixed(2),
      ratio,
    );
  }
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
