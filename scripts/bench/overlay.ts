import { randomBytes } from 'node:crypto';
import { stockBinary } from '../../test/interop/stock.ts';
import { type Contender, ourPair, stockPair } from './overlay/contender.ts';

const rounds = Number(process.env['ROUNDS'] ?? 5);
const smallBytes = 200;
const largeBytes = 1_000_000;
const inFlight = 32;
const secondsEach = 1.5;

const lowerIsBetter: ReadonlySet<string> = new Set(['medianMs', 'cpuUs', 'aeads', 'cpuMs']);

interface Figures {
  readonly medianMs: number[];
  readonly oneByOne: number[];
  readonly together: number[];
  readonly cpuUs: number[];
  readonly aeads: number[];
  readonly megabytes: number[];
  readonly cpuMs: number[];
}

const empty = (): Figures => ({
  medianMs: [],
  oneByOne: [],
  together: [],
  cpuUs: [],
  aeads: [],
  megabytes: [],
  cpuMs: [],
});

/**
 * Messages from agent to agent, each in a process of its own, over one TCP link on loopback: 200 bytes acknowledged, one by
 * one and 32 in flight, and 1 MB one after the other. Beside it, where MYCELIUM_BIN is set, a pair of stock daemons in
 * the same run, taken in turn.
 */
export async function run(): Promise<void> {
  const makers = stockBinary === undefined ? [ourPair] : [ourPair, stockPair];
  if (stockBinary === undefined) console.log('skipped: the stock pair, MYCELIUM_BIN is not set');
  const results = new Map<string, Figures>();
  for (let round = 0; round < rounds; round++) {
    for (const make of makers) {
      const contender = await make();
      const figures = results.get(contender.name) ?? empty();
      results.set(contender.name, figures);
      await measure(contender, figures);
      await contender.stop();
    }
  }
  print(results);
}

async function measure(contender: Contender, figures: Figures): Promise<void> {
  await lanes(contender, inFlight, smallBytes, secondsEach);
  const alone = await lanes(contender, 1, smallBytes, secondsEach);
  figures.medianMs.push(median(alone.latenciesMs));
  figures.oneByOne.push(alone.perSecond);
  const together = await lanes(contender, inFlight, smallBytes, secondsEach);
  figures.together.push(together.perSecond);
  figures.cpuUs.push(together.cpuUsEach);
  figures.aeads.push(together.aeadsEach);
  const large = await lanes(contender, 1, largeBytes, secondsEach);
  figures.megabytes.push((large.perSecond * largeBytes) / 1e6);
  figures.cpuMs.push(large.cpuUsEach / 1000);
}

interface Lanes {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
  /** Of both nodes, for one message; ours pays for the lanes themselves too. */
  readonly cpuUsEach: number;
  readonly aeadsEach: number;
}

/** `count` senders, each of which sends its next message when the last has arrived. */
async function lanes(contender: Contender, count: number, bytes: number, seconds: number): Promise<Lanes> {
  const payload = randomBytes(bytes);
  const latenciesMs: number[] = [];
  const before = await contender.usage();
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  const lane = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const sentAt = performance.now();
      await contender.cross(payload);
      latenciesMs.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: count }, lane));
  const perSecond = (latenciesMs.length * 1000) / (performance.now() - startedAt);
  const after = await contender.usage();
  const cpuUsEach = (after.cpuUs - before.cpuUs) / latenciesMs.length;
  const aeadsEach = ((after.aeads ?? Number.NaN) - (before.aeads ?? 0)) / latenciesMs.length;
  return { perSecond, latenciesMs, cpuUsEach, aeadsEach };
}

function print(results: ReadonlyMap<string, Figures>): void {
  const columns = {
    medianMs: 'median ms',
    oneByOne: '1 in flight /s',
    together: '32 in flight /s',
    cpuUs: '32 in flight: CPU µs each, both nodes',
    aeads: '32 in flight: AEADs each',
    megabytes: '1 MB: MB/s',
    cpuMs: '1 MB: CPU ms each, both nodes',
  };
  const rows = Object.entries(columns).map(([name, title]) => {
    const of = (contender: string): number => median(results.get(contender)?.[name as keyof Figures] ?? []);
    const ratio = lowerIsBetter.has(name) ? of('stock') / of('hypha') : of('hypha') / of('stock');
    return { '200 B': title, hypha: round(of('hypha')), stock: round(of('stock')), 'times better': round(ratio) };
  });
  console.table(rows);
  console.log(`medians of ${rounds} interleaved rounds`);
}

const round = (value: number): number => Number(value.toPrecision(3));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
