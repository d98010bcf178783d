/** The ring against the disk itself and against SQLite, same bytes, same run. */
import { spawnSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Duration } from '#kernel';
import type { NewMessage, Ring } from '#ring';
import { openRing } from '#ring';
import { benchEnv } from './ring/env.ts';
import { type LoopDisk, loopDisk } from './ring/loop-disk.ts';

const MiB = 1024 * 1024;
const pairs = 5;

interface Measured {
  readonly records: number;
  readonly seconds: number;
  readonly cpuMicros: number;
}

export async function run(): Promise<void> {
  const disk = loopDisk(3072);
  const base = disk?.root ?? mkdtempSync(join(tmpdir(), 'hypha-bench-'));
  console.log(
    disk === null ? `on ${base} (not root: bytes as the ring counts them)` : 'on a private loop-mounted ext4',
  );
  try {
    for (const bytes of [200, 1024]) await compare(base, bytes, disk);
    for (const bytes of [200, 1024]) cpu(base, bytes);
    await paced(base, disk);
    await queued(base);
  } finally {
    if (disk === null) rmSync(base, { recursive: true, force: true });
    else disk.remove();
  }
}

function cpu(base: string, bytes: number): void {
  const script = new URL('ring/cpu.ts', import.meta.url).pathname;
  const child = spawnSync(process.execPath, [script, base, String(bytes)], { encoding: 'utf8' });
  console.log(`${child.stdout.trim()}${child.stderr}`);
}

async function compare(base: string, bytes: number, disk: LoopDisk | null): Promise<void> {
  const total = Math.floor((48 * MiB) / bytes);
  const directory = join(base, `ring-${bytes}`);
  const ring = await open(directory, 128 * MiB);
  await grouped(ring, bytes, Math.floor((200 * MiB) / bytes));
  const sqlite = openSqlite(join(base, `sqlite-${bytes}`));
  const raw = openRaw(join(base, `raw-${bytes}`));
  const found: Record<string, Measured[]> = { raw: [], ring: [], sqlite: [], 'ring 1': [], 'sqlite 1': [] };
  let written = 0;
  let given = 0;
  for (let pair = 0; pair < pairs; pair++) {
    found['raw']?.push(await measure(total, () => rawWrites(raw, total * bytes)));
    const before = disk?.bytesWritten() ?? ring.status.bytesWritten;
    const payload = ring.status.payloadBytes;
    found['ring']?.push(await measure(total, () => grouped(ring, bytes, total)));
    written += (disk?.bytesWritten() ?? ring.status.bytesWritten) - before;
    given += ring.status.payloadBytes - payload;
    found['sqlite']?.push(await measure(total, () => sqliteRows(sqlite, bytes, total, 1000)));
    found['ring 1']?.push(await measure(300, () => oneByOne(ring, bytes, 300)));
    found['sqlite 1']?.push(await measure(300, () => sqliteRows(sqlite, bytes, 300, 1)));
  }
  closeSync(raw);
  sqlite.close();
  await ring.close();
  report(bytes, found, written / given);
}

function report(bytes: number, found: Record<string, Measured[]>, amplification: number): void {
  const rate = (name: string): number => median((found[name] ?? []).map(({ records, seconds }) => records / seconds));
  const cpu = (name: string): number =>
    median((found[name] ?? []).map(({ records, cpuMicros }) => cpuMicros / records));
  console.table(
    Object.fromEntries(
      Object.keys(found).map((name) => [
        `${name} ${bytes} B`,
        {
          'records/s': Math.round(rate(name)),
          'MB/s': Number(((rate(name) * bytes) / 1e6).toFixed(1)),
          'CPU µs/record': Number(cpu(name).toFixed(2)),
          'of raw': Number((rate(name) / rate('raw')).toFixed(3)),
          'of SQLite': Number((rate(name) / rate(name.endsWith(' 1') ? 'sqlite 1' : 'sqlite')).toFixed(2)),
        },
      ]),
    ),
  );
  console.log(`${bytes} B: ${amplification.toFixed(3)} bytes written per byte of topic and body, group-committed`);
}

/** 1,000 records a second with a 50 ms window: what a quiet gateway writes. */
async function paced(base: string, disk: LoopDisk | null): Promise<void> {
  const ring = await open(join(base, 'paced'), 16 * MiB, 50);
  await grouped(ring, 200, 100_000);
  const before = disk?.bytesWritten() ?? ring.status.bytesWritten;
  const payload = ring.status.payloadBytes;
  const body = Buffer.alloc(200, 65);
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    for (let n = 0; n < 10; n++) ring.append([messageOf(body)]);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await ring.whenDurable(ring.status.head);
  const written = (disk?.bytesWritten() ?? ring.status.bytesWritten) - before;
  const amplification = written / (ring.status.payloadBytes - payload);
  console.log(`200 B at about 1,000/s, commit = "50ms": ${amplification.toFixed(3)} bytes written per byte`);
  await ring.close();
}

/** 1 GiB waiting: how soon the ring is ready, and how fast it is read, in a process of its own. */
async function queued(base: string): Promise<void> {
  const directory = join(base, 'queued');
  const ring = await open(directory, 1400 * MiB, 0, 'refuse');
  ring.cursor({ name: 'link', filters: ['plant/#'], except: null, from: 'now' });
  await grouped(ring, 200, Math.floor((1024 * MiB) / 200));
  spawnSync('sync');
  const script = new URL('ring/reader.ts', import.meta.url).pathname;
  // Everything is durable and nothing staged; the ring is left as a killed process leaves it, and not used again.
  const child = spawnSync(process.execPath, [script, directory], { encoding: 'utf8' });
  console.log(`1 GiB queued: ${child.stdout.trim()}${child.stderr}`);
  const sqlite = openSqlite(join(base, 'sqlite-read'));
  sqliteRows(sqlite, 200, 500_000, 1000);
  const read = await measure(500_000, () => {
    for (const row of sqlite.prepare('SELECT topic, body FROM log ORDER BY id').iterate()) void row;
  });
  console.log(`SQLite reads ${Math.round(read.records / read.seconds)} records/s`);
  sqlite.close();
  // Only now, for the checkpoint that closing writes would have made the start above an easy one.
  await ring.close();
}

const open = (
  directory: string,
  sizeBytes: number,
  windowMs = 0,
  full: 'refuse' | 'drop-oldest' = 'drop-oldest',
): Promise<Ring> => {
  mkdirSync(directory, { recursive: true });
  return openRing(benchEnv(), { directory, sizeBytes, full, commitWindow: windowMs as Duration });
};

const messageOf = (body: Uint8Array): NewMessage => ({
  kind: 'message',
  topic: 'plant/7/temperature',
  lane: 1,
  qos: 1,
  retain: false,
  latest: 'none',
  body,
  provenance: null,
  age: 0 as Duration,
});

/** As fast as the ring takes them. */
async function grouped(ring: Ring, bytes: number, count: number): Promise<void> {
  const entries = [messageOf(Buffer.alloc(bytes, 65))];
  let left = count;
  await new Promise<void>((resolve, reject) => {
    const fill = (): void => {
      while (left > 0 && ring.append(entries).ok) left--;
      if (left > 0 && ring.status.state === 'full') reject(new Error(`ring: full, ${left} records left`));
      if (left > 0) return;
      stop();
      resolve();
    };
    const stop = ring.onRoom(fill);
    fill();
  });
  await ring.whenDurable(ring.status.head);
}

async function oneByOne(ring: Ring, bytes: number, count: number): Promise<void> {
  const entries = [messageOf(Buffer.alloc(bytes, 65))];
  for (let n = 0; n < count; n++) {
    const appended = ring.append(entries);
    if (appended.ok) await ring.whenDurable(appended.last);
  }
}

function openSqlite(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE log (id INTEGER PRIMARY KEY, topic TEXT, body BLOB)');
  return database;
}

function sqliteRows(database: DatabaseSync, bytes: number, count: number, batch: number): void {
  const insert = database.prepare('INSERT INTO log (topic, body) VALUES (?, ?)');
  const body = Buffer.alloc(bytes, 65);
  for (let done = 0; done < count; done += batch) {
    database.exec('BEGIN');
    for (let n = 0; n < Math.min(batch, count - done); n++) insert.run('plant/7/temperature', body);
    database.exec('COMMIT');
  }
}

function openRaw(path: string): number {
  const fd = openSync(path, 'w');
  rawWrites(fd, 64 * MiB);
  return fd;
}

function rawWrites(fd: number, bytes: number): void {
  const piece = Buffer.alloc(MiB, 66);
  for (let at = 0; at < bytes; at += MiB) {
    writeSync(fd, piece, 0, MiB, at);
    fdatasyncSync(fd);
  }
}

async function measure(records: number, work: () => void | Promise<void>): Promise<Measured> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { records, seconds, cpuMicros: user + system };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
