import { randomBytes } from 'node:crypto';
import { stockBinary } from '../../test/interop/stock.ts';
import { cipherMegabytes } from './overlay/cipher.ts';
import { type Contender, ourPair, stockPair } from './overlay/contender.ts';
import { carriedBy } from './overlay/link.ts';
import { measureMemory } from './overlay/memory.ts';

const rounds = Number(process.env['ROUNDS'] ?? 5);
const smallBytes = 200;
const readingBytes = 100;
const largeBytes = 1_000_000;
const hugeBytes = 64 * 1024 * 1024;
const inFlight = 32;
const secondsEach = 1.5;
const pacedSeconds = 3;

/** The columns of the table: what it says, and whether less is better. */
const figures = {
  firstMs: ['first message after the start, ms', true],
  medianMs: ['200 B acknowledged, median ms', true],
  oneByOne: ['200 B, 1 in flight /s', false],
  together: ['200 B, 32 in flight /s', false],
  cpuUs: ['200 B, 32 in flight: CPU µs each, both nodes', true],
  aeads: ['200 B, 32 in flight: AEADs each', true],
  large: ['1 MB: MB/s', false],
  largeCpu: ['1 MB: CPU ms a MB, both nodes', true],
  huge: ['64 MB: MB/s', false],
  hugeCpu: ['64 MB: CPU ms a MB, both nodes', true],
  lonePackets: ['100 B, one at a time: packets on the wire', true],
  loneBytes: ['100 B, one at a time: bytes on the wire', true],
  pacedPackets: ['100 B, 100/s: packets on the wire', true],
  pacedBytes: ['100 B, 100/s: bytes on the wire', true],
} as const;
type Name = keyof typeof figures;
type Figures = Map<Name, number[]>;

/**
 * Messages from node to node, each in a process of its own, over one TCP link on loopback: on the better path, in messages
 * alone, and, where MYCELIUM_BIN is set, between stock daemons; in turn, in the same run. Beside them what one core can
 * encrypt and decrypt, and what a node holds in memory.
 */
export async function run(): Promise<void> {
  const makers = [() => ourPair('path'), () => ourPair('messages'), ...(stockBinary === undefined ? [] : [stockPair])];
  if (stockBinary === undefined) console.log('skipped: the stock pair, MYCELIUM_BIN is not set');
  const results = new Map<string, Figures>();
  const ciphers: number[] = [];
  for (let round = 0; round < rounds; round++) {
    ciphers.push(cipherMegabytes());
    for (const make of makers) {
      const contender = await make();
      const figures = results.get(contender.name) ?? new Map();
      results.set(contender.name, figures);
      await measure(contender, (name, value) => figures.set(name, [...(figures.get(name) ?? []), value]));
      await contender.stop();
    }
  }
  print(results, median(ciphers));
}

async function measure(contender: Contender, note: (name: Name, value: number) => void): Promise<void> {
  note('firstMs', contender.firstMs);
  await lanes(contender, inFlight, smallBytes);
  const alone = await lanes(contender, 1, smallBytes);
  note('medianMs', median(alone.latenciesMs));
  note('oneByOne', alone.perSecond);
  const together = await lanes(contender, inFlight, smallBytes);
  note('together', together.perSecond);
  note('cpuUs', together.cpuUsEach);
  note('aeads', together.aeadsEach);
  const lone = await paced(contender, 5);
  note('lonePackets', lone.packets);
  note('loneBytes', lone.bytes);
  const steady = await paced(contender, 100);
  note('pacedPackets', steady.packets);
  note('pacedBytes', steady.bytes);
  for (const [bytes, name] of [
    [largeBytes, 'large'],
    [hugeBytes, 'huge'],
  ] as const) {
    if (bytes > contender.limitBytes) continue;
    const { perSecond, cpuUsEach } = await lanes(contender, 1, bytes);
    note(name, (perSecond * bytes) / 1e6);
    note(`${name}Cpu`, cpuUsEach / 1000 / (bytes / 1e6));
  }
}

interface Lanes {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
  /** Of both nodes, for one message; ours pays for the lanes themselves too. */
  readonly cpuUsEach: number;
  readonly aeadsEach: number;
}

/** `count` senders, each of which sends its next message when the last has arrived. */
async function lanes(contender: Contender, count: number, bytes: number): Promise<Lanes> {
  const payload = randomBytes(bytes);
  const latenciesMs: number[] = [];
  const before = await contender.usage();
  const startedAt = performance.now();
  const endsAt = startedAt + secondsEach * 1000;
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

/** What one reading of 100 bytes costs on the wire when so many are sent in a second, evenly. */
async function paced(contender: Contender, perSecond: number): Promise<{ packets: number; bytes: number }> {
  const before = carriedBy(contender.port);
  const count = pacedSeconds * perSecond;
  const startedAt = performance.now();
  const crossings: Promise<void>[] = [];
  for (let sent = 0; sent < count; sent++) {
    const waitMs = startedAt + (sent * 1000) / perSecond - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
    crossings.push(contender.cross(randomBytes(readingBytes), true));
  }
  await Promise.all(crossings);
  const after = carriedBy(contender.port);
  return { packets: (after.packets - before.packets) / count, bytes: (after.bytes - before.bytes) / count };
}

function print(results: ReadonlyMap<string, Figures>, cipher: number): void {
  const rows = Object.entries(figures).map(([name, [title, isLessBetter]]) => {
    const of = (contender: string): number => median(results.get(contender)?.get(name as Name) ?? []);
    const ratio = (one: string, other: string): number => (isLessBetter ? of(other) / of(one) : of(one) / of(other));
    return {
      measured: title,
      path: round(of('path')),
      messages: round(of('messages')),
      stock: round(of('stock')),
      'path: × messages': round(ratio('path', 'messages')),
      'path: × stock': round(ratio('path', 'stock')),
    };
  });
  console.table(rows);
  const huge = median(results.get('path')?.get('huge') ?? []);
  console.log(
    `one core seals and opens ${round(cipher)} MB/s in packets of 64 KiB; 64 MB by the path: ${round(huge / cipher)} of that`,
  );
  const { perPeer, perRoute, perThousandWaiting } = measureMemory();
  const kib = (bytes: number): string => `${round(bytes / 1024)} KiB`;
  console.log(
    `memory: ${kib(perPeer)} a peer, ${kib(perRoute)} a route, ${kib(perThousandWaiting)} for 1,000 messages of 200 B that wait for a route`,
  );
  console.log(`medians of ${rounds} interleaved rounds; × more than 1: the path is better`);
}

const round = (value: number): number => Number(value.toPrecision(3));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
