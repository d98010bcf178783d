import test from 'ava';
import { AtRestKey } from '#crypto';
import type { Ring, RingOptions } from '#ring';
import { type BatchHeader, peekBatch, recordsAt, segmentClaimed } from '../../agent/ring/batch.ts';
import { Bench, Chance, message, text } from './bench.ts';

/** One bit turns over in each region of FORMAT.md: what it costs, that it is counted and copied away, and that all goes on. */
const log = 'ring/ring.log';
const pageBytes = 4096;
const wanting = { name: 'c', filters: ['a'], except: null, from: 'now' } as const;
const secret = new AtRestKey(Buffer.alloc(32, 'k'));
const count = 40;
const inBatch = 5;

interface Filled {
  readonly bench: Bench;
  readonly options: Partial<RingOptions>;
  /** Numbers of the messages, as appended. */
  readonly numbers: readonly number[];
}

/** Batches of five messages, each more than a page; the process dead. */
async function filled(options: Partial<RingOptions> = {}): Promise<Filled> {
  const bench = new Bench(91);
  const ring = await bench.open({ sizeBytes: 32 * 64 * 1024, ...options });
  ring.cursor(wanting);
  for (let n = 0; n < count; n += inBatch) await append(bench, ring, n);
  bench.kill();
  return { bench, options: { sizeBytes: 32 * 64 * 1024, ...options }, numbers: [...Array(count).keys()] };
}

async function append(bench: Bench, ring: Ring, from: number): Promise<void> {
  const entries = Array.from({ length: inBatch }, (_, i) => message('a', `${from + i}:`.padEnd(1_100, 'x')));
  const appended = ring.append(entries);
  if (appended.ok) await bench.until(ring.whenDurable(appended.last));
}

/** A reader stayed away from a log gone round many times: what it wants lies in compacted segments. */
async function compacted(): Promise<Filled> {
  const bench = new Bench(92);
  const options = { sizeBytes: 16 * 64 * 1024 };
  const ring = await bench.open(options);
  ring.cursor(wanting);
  const others = ring.cursor({ ...wanting, name: 'others', filters: ['b'] });
  const numbers: number[] = [];
  for (let n = 0; n < 1_200; n++) {
    if (n % 40 === 0) numbers.push(n);
    let appended = ring.append([message(n % 40 === 0 ? 'a' : 'b', `${n}:`.padEnd(3_000, 'x'))]);
    for (let tries = 0; !appended.ok && tries < 50; tries++) {
      await bench.pass(200);
      appended = ring.append([message(n % 40 === 0 ? 'a' : 'b', `${n}:`.padEnd(3_000, 'x'))]);
    }
    if (!appended.ok) throw new Error(`no room for ${n}`);
    await bench.until(ring.whenDurable(appended.last));
    if (n % 10 !== 9) continue;
    const last = (await bench.until(others.read(1_000, 1e9))).at(-1);
    if (last?.kind === 'message') others.settle(last.sequence);
    await bench.pass(50);
  }
  await bench.until(ring.close());
  bench.kill();
  return { bench, options, numbers };
}

interface Place {
  readonly at: number;
  readonly header: BatchHeader;
}

/** A batch in the midst of the log with messages of the cursor's. */
function batchIn({ bench }: Filled, which: (header: BatchHeader) => boolean): Place {
  const bytes = Buffer.from(bench.disk.peek(log) ?? []);
  const found: Place[] = [];
  for (let at = pageBytes; at < bytes.length; at += pageBytes) {
    const segment = segmentClaimed(bytes, at);
    const place = {
      ringId: bytes.subarray(at + 56, at + 64),
      segment: segment ?? 0,
      offset: bytes.readUInt32LE(at + 32),
    };
    const header = segment === null ? null : peekBatch(bytes, at, place);
    if (header !== null && which(header)) found.push({ at, header });
  }
  const middle = found[Math.floor(found.length / 2)];
  if (middle === undefined) throw new Error('no such batch');
  return middle;
}

interface Outcome {
  readonly found: readonly number[];
  readonly gaps: readonly number[];
  readonly damaged: number;
  readonly quarantined: boolean;
  readonly events: readonly string[];
}

/** What the next start finds when that bit has turned over. */
async function afterFlip({ bench, options }: Filled, path: string, byte: number, bit: number): Promise<Outcome> {
  const other = new Bench(93, (world) => bench.disk.afterCut(world, new Chance(1)));
  other.disk.flipBit(path, byte, bit);
  const ring = await other.open(options);
  const cursor = ring.cursor(wanting);
  const found: number[] = [];
  const gaps: number[] = [];
  while (cursor.readable)
    for (const one of await other.until(cursor.read(1_000, 1e9)))
      if (one.kind === 'gap') gaps.push(one.count);
      else found.push(Number.parseInt(text(one.body) ?? '', 10));
  await other.pass(1_000);
  const { damagedBatches: damaged, quarantine } = ring.status;
  const appended = ring.append([message('a', 'goes on')]);
  if (!appended.ok) throw new Error('it does not go on');
  await other.until(ring.whenDurable(appended.last));
  return { found, gaps, damaged, quarantined: quarantine !== null, events: other.lines.map(({ event }) => event) };
}

const full = ({ count: records }: BatchHeader): boolean => records >= inBatch;
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

/** Bits of those bytes, one of each byte, or of so many that a test stays short. */
function* bitsOf(bytes: readonly number[], most: number): Generator<readonly [number, number]> {
  const step = Math.max(1, Math.floor(bytes.length / most));
  for (let index = 0; index < bytes.length; index += step) yield [bytes[index] as number, (index * 7) % 8];
}

interface Region {
  readonly title: string;
  readonly make: () => Promise<Filled>;
  readonly which: (header: BatchHeader) => boolean;
  /** Bytes of the batch. */
  readonly bytes: (header: BatchHeader) => readonly number[];
}

const plain = (): Promise<Filled> => filled();
const regions: readonly Region[] = [
  { title: 'the header of a batch', make: plain, which: full, bytes: () => range(0, 64) },
  { title: 'the tally of a batch', make: plain, which: full, bytes: (header) => range(64, recordsAt(header)) },
  {
    title: 'a record’s header',
    make: plain,
    which: full,
    bytes: (header) => range(recordsAt(header), recordsAt(header) + 17),
  },
  {
    title: 'a record’s body',
    make: plain,
    which: full,
    bytes: (header) => range(recordsAt(header) + 17, header.length),
  },
  {
    title: 'a compressed batch',
    make: () => filled({ compress: 'auto' }),
    which: (header) => ((header.coat ?? 0) & 0x4000) !== 0,
    bytes: (header) => range(0, header.length),
  },
  {
    title: 'an encrypted batch',
    make: () => filled({ keys: { writing: secret, reading: [] } }),
    which: (header) => full(header) && ((header.coat ?? 0) & 0x2000) !== 0,
    bytes: (header) => range(0, header.length),
  },
  {
    title: 'a batch of a compacted segment',
    make: compacted,
    which: (header) => header.sparse,
    bytes: (header) => range(0, header.length),
  },
];

for (const { title, make, which, bytes } of regions) {
  test(`a bit of ${title}: that batch is a gap, counted and copied to the quarantine, and nothing else is lost`, async (t) => {
    const ring = await make();
    const { at, header } = batchIn(ring, which);
    for (const [byte, bit] of bitsOf(bytes(header), 64)) {
      const { found, gaps, damaged, quarantined } = await afterFlip(ring, log, at + byte, bit);
      const where = `byte ${byte} of the batch, bit ${bit}`;
      const lost = ring.numbers.filter((n) => !found.includes(n));
      t.true(lost.length > 0 && lost.length <= Math.max(inBatch, header.count), `${where}: ${lost.join()}`);
      t.deepEqual(
        gaps.reduce((sum, each) => sum + each, 0),
        lost.length,
        where,
      );
      t.deepEqual(
        found,
        ring.numbers.filter((n) => !lost.includes(n)),
        where,
      );
      t.deepEqual([damaged, quarantined], [1, true], where);
    }
  });
}

test('a bit of the padding behind a batch costs nothing', async (t) => {
  const ring = await filled();
  const { at, header } = batchIn(ring, full);
  const end = Math.ceil(header.length / pageBytes) * pageBytes;
  t.true(end > header.length);
  for (const [byte, bit] of bitsOf(range(header.length, end), 64)) {
    const { found, gaps, damaged } = await afterFlip(ring, log, at + byte, bit);
    t.deepEqual([found, gaps, damaged], [ring.numbers, [], 0], `byte ${byte}`);
  }
});

test('a bit of zeros that were written ahead costs nothing', async (t) => {
  const ring = await filled();
  const size = ring.bench.disk.peek(log)?.length ?? 0;
  for (const byte of [size - 1, size - 5_000, size - 60_000]) {
    const { found, gaps } = await afterFlip(ring, log, byte, 3);
    t.deepEqual([found, gaps], [ring.numbers, []], `byte ${byte}`);
  }
});

for (const [title, make] of [
  ['a segment’s header', plain],
  ['a compacted segment’s header', compacted],
] as const) {
  test(`a bit of ${title}: it is counted, written again, and nothing is lost`, async (t) => {
    const ring = await make();
    const bytes = Buffer.from(ring.bench.disk.peek(log) ?? []);
    const sparse = title.includes('compacted');
    const headers = range(0, bytes.length / (64 * 1024))
      .map((slot) => slot * 64 * 1024)
      .filter((at) => bytes.toString('latin1', at, at + 4) === 'HYRS' && (bytes.readUInt16LE(at + 6) === 1) === sparse);
    // A slot may hold the header of a segment that is no more, which is nobody's.
    const at = await liveHeader(ring, headers);
    t.true(at >= 0);
    let counted = 0;
    for (const [byte, bit] of bitsOf([...range(0, 56), ...range(1_000, 1_003), ...range(4_092, 4_096)], 63)) {
      const { found, damaged, events } = await afterFlip(ring, log, at + byte, bit);
      t.deepEqual(found, ring.numbers, `byte ${byte} of the header`);
      t.true(damaged <= 1, `byte ${byte}: ${damaged}`);
      if (events.includes('ring-header-damaged')) counted++;
    }
    t.is(counted, 63);
  });
}

async function liveHeader(ring: Filled, headers: readonly number[]): Promise<number> {
  for (const at of headers)
    if ((await afterFlip(ring, log, at + 30, 1)).events.includes('ring-header-damaged')) return at;
  return -1;
}

test('a bit of the newest checkpoint: the one before serves, and nothing is lost', async (t) => {
  const ring = await compacted();
  const newest =
    ring.bench.disk
      .paths()
      .filter((path) => path.includes('checkpoint-'))
      .at(-1) ?? '';
  const length = ring.bench.disk.peek(newest)?.length ?? 0;
  for (const [byte, bit] of bitsOf(range(0, length), 64)) {
    const { found, gaps, damaged, events } = await afterFlip(ring, newest, byte, bit);
    t.deepEqual([found, gaps, damaged], [ring.numbers, [], 0], `byte ${byte}`);
    t.true(events.includes('ring-checkpoint-damaged'), `byte ${byte}`);
  }
});
