import { randomBytes } from 'node:crypto';
import type { SealBackend, Sealer } from '#crypto';
import { createSealer, nodeBackend, sodiumBackend } from '#crypto';
import type { PublicKey } from '#kernel';
import { Secret } from '#kernel';

const recordBytes = 200;
const counts = [1, 16, 256] as const;
const rounds = 5;
const hourMs = 3_600_000;
const freshRepeats = 200;

interface Node {
  readonly sealer: Sealer;
  readonly key: PublicKey;
  nowMs: number;
}

interface Row {
  readonly what: string;
  readonly records: number;
  readonly us: number;
  readonly ratio: number;
}

/**
 * What sealing costs: microseconds of processor time and bytes a batch of 200-byte records, with a fresh context and a reused one, on both
 * backends, against a bare ChaCha20-Poly1305 of the same bytes in the same round. Medians of five interleaved rounds.
 */
export async function run(): Promise<void> {
  const all: Row[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const backend of [sodiumBackend(), nodeBackend()])
      for (const count of counts) all.push(...measure(backend, count));
  }
  const names = [...new Set(all.map(({ what, records }) => `${what}/${records}`))];
  console.table(names.map((name) => summary(all.filter(({ what, records }) => `${what}/${records}` === name))));
  const [us, bareUs] = ['sodium reused seal', 'sodium bare seal'].map((what) =>
    median(all.filter((row) => row.what === what && row.records === 256).map((row) => row.us)),
  );
  const perRecord = ((us ?? 0) / 256).toFixed(2);
  console.log(
    `sealing adds ${perRecord} us a record of 200 bytes in batches of 256 (bare AEAD ${((bareUs ?? 0) / 256).toFixed(2)}) and 91 bytes a batch`,
  );
}

function measure(backend: SealBackend, records: number): Row[] {
  const [one, two] = [node(backend), node(backend)];
  meet(one, two);
  const inner = randomBytes(records * recordBytes);
  const seal = (): Uint8Array => {
    const sealed = one.sealer.seal(two.key, inner, 'data', 'require');
    return sealed.ok ? sealed.envelope : new Uint8Array();
  };
  const open = (envelope: Uint8Array): void => {
    if (!two.sealer.open(envelope, { from: one.key }).ok) throw new Error('bench: an envelope did not open');
  };
  open(seal());
  const fresh = (): Uint8Array => {
    one.nowMs += hourMs;
    return seal();
  };
  const bare = bareAead(backend, inner);
  const sealBareUs = timed(bare.seal, repeats(records));
  const openBareUs = timed(bare.open, repeats(records));
  const freshOnes = Array.from({ length: freshRepeats }, fresh);
  const times: [string, number, number][] = [
    ['bare seal', sealBareUs, sealBareUs],
    ['bare open', openBareUs, openBareUs],
    ['fresh seal', timed(fresh, freshRepeats), sealBareUs],
    ['fresh open', timedEach(freshOnes, open), openBareUs],
    ['reused seal', timed(seal, repeats(records)), sealBareUs],
  ];
  const envelope = seal();
  times.push(['reused open', timed(() => open(envelope), repeats(records)), openBareUs]);
  return times.map(([what, us, bareUs]) => ({ what: `${backend.name} ${what}`, records, us, ratio: us / bareUs }));
}

const repeats = (records: number): number => (records > 100 ? 1500 : 15_000);

function bareAead(backend: SealBackend, inner: Buffer): { seal(): void; open(): void } {
  const key = randomBytes(32);
  const associated = randomBytes(66);
  const sealed = Buffer.alloc(inner.length + 16);
  backend.encrypt(sealed, inner, associated, key);
  return {
    seal: () => backend.encrypt(Buffer.allocUnsafeSlow(inner.length + 16), inner, associated, key),
    open: () => void backend.decrypt(Buffer.allocUnsafeSlow(inner.length), sealed, associated, key),
  };
}

/** Processor time of this thread, so that a busy machine changes it less. Counted in steps of 4 ms on some kernels: repeat. */
function timed(work: () => void, times: number): number {
  for (let count = 0; count < times / 10; count++) work();
  const start = cpuUs();
  for (let count = 0; count < times; count++) work();
  return (cpuUs() - start) / times;
}

function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

function timedEach<T>(items: readonly T[], work: (item: T) => void): number {
  const start = cpuUs();
  for (const item of items) work(item);
  return (cpuUs() - start) / items.length;
}

function summary(rows: readonly Row[]): Record<string, string | number> {
  const { what = '', records = 0 } = rows[0] ?? {};
  const us = median(rows.map((row) => row.us));
  const perRecord = (us / records).toFixed(2);
  return {
    what,
    records,
    'CPU us a batch': us.toFixed(1),
    'CPU us a record': perRecord,
    'of bare': median(rows.map((row) => row.ratio)).toFixed(2),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function node(backend: SealBackend): Node {
  const secret = randomBytes(32);
  const point = Buffer.alloc(32);
  backend.publicOf(point, secret);
  const made: { nowMs: number } = { nowMs: 0 };
  const sealer = createSealer({
    backend,
    identity: new Secret(secret),
    random: { bytes: randomBytes },
    uptimeMs: () => made.nowMs,
    stored: { receiveKeys: null, contacts: null },
  });
  for (const effect of sealer.tick()) if (effect.kind === 'store') sealer.stored(effect.ticket);
  return Object.assign(made, { sealer, key: point.toString('hex') as PublicKey });
}

/** Announcements are known and used on both sides, so that nothing but the batch is in the envelopes. */
function meet(one: Node, two: Node): void {
  for (const [a, b] of [
    [one, two],
    [two, one],
  ] as const) {
    a.sealer.know(b.key);
    a.sealer.learn(b.key, b.sealer.announcement() ?? new Uint8Array());
  }
  for (const [a, b] of [
    [one, two],
    [two, one],
  ] as const) {
    const sealed = a.sealer.seal(b.key, Buffer.alloc(1), 'control', 'require');
    if (sealed.ok) b.sealer.open(sealed.envelope, { from: a.key });
  }
}
