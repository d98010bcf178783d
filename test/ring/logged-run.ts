import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Duration, Sequence } from '#kernel';
import { openRing, type Ring, type RingOptions } from '#ring';
import { systemDisk } from '../../agent/platform/disk.ts';
import { MemoryDisk } from '../fuzz/memory-disk.ts';
import { Chance, message, put, text } from './bench.ts';
import { realEnv } from './real.ts';
import { Medium, WriteLog } from './write-log.ts';

const directory = 'ring';
const slot = 64 * 1024;
const cursorOf = { name: 'c', filters: ['a'], except: null, from: 'now' } as const;

/** A real ring on a real disk, the log of what it wrote, and when it said what. */
export interface LoggedRun {
  readonly log: WriteLog;
  /** That number was acknowledged when the log had so many steps. */
  readonly acknowledged: readonly { readonly steps: number; readonly number: number }[];
  readonly options: RingOptions;
}

/** Appends numbers for a while, in commits of any size, and settles them now and then: the log goes round its ring. */
export async function loggedRun(
  seed: number,
  appends: number,
  ignoreSync = false,
  more: Partial<RingOptions> = {},
): Promise<LoggedRun> {
  const base = mkdtempSync(join(tmpdir(), 'hypha-log-'));
  const options = { directory, sizeBytes: 8 * slot, full: 'refuse', commitWindow: 0 as Duration, ...more } as const;
  const log = new WriteLog(ignoreSync);
  const real = systemDisk();
  const disk = log.over({
    ...real,
    open: (path, how) => real.open(join(base, path), how),
    rename: (from, to) => real.rename(join(base, from), join(base, to)),
    remove: (path) => real.remove(join(base, path)),
    list: (path) => real.list(join(base, path)),
    makeDirectory: (path) => real.makeDirectory(join(base, path)),
    syncDirectory: (path) => real.syncDirectory(join(base, path)),
  });
  const ring = await openRing(realEnv([], disk), options);
  const acknowledged: { steps: number; number: number }[] = [];
  await append(ring, new Chance(seed), appends, (number) => acknowledged.push({ steps: log.steps.length, number }));
  await ring.close();
  rmSync(base, { recursive: true, force: true });
  return { log, acknowledged, options };
}

async function append(ring: Ring, chance: Chance, appends: number, durable: (number: number) => void): Promise<void> {
  const cursor = ring.cursor(cursorOf);
  const numbers = new Map<number, number>();
  ring.onDurable((upTo) => {
    let last = -1;
    for (const [sequence, number] of numbers) {
      if (sequence > upTo) break;
      last = number;
      numbers.delete(sequence);
    }
    if (last >= 0) durable(last);
  });
  for (let next = 0; next < appends; ) {
    const body = `${next}:${'x'.repeat(chance.between(0, chance.hits(0.1) ? 6_000 : 700))}`;
    const appended = ring.append([message('a', body), put('last', `${next}`)]);
    if (appended.ok) numbers.set(appended.last, next++);
    if (!appended.ok || chance.hits(0.4)) await pause(chance.between(0, 1));
    if (!appended.ok || chance.hits(0.05)) await settleSome(cursor, chance);
  }
  await ring.whenDurable(ring.status.head);
}

async function settleSome(cursor: ReturnType<Ring['cursor']>, chance: Chance): Promise<void> {
  const read = await cursor.read(chance.between(1, 400), 1e6);
  const last = read.at(-1);
  if (last !== undefined) cursor.settle((last.kind === 'gap' ? last.to : last.sequence) as Sequence);
}

/** Cuts the power after `cuts` steps of the log, spread evenly; what was wrong afterwards, each with its place. */
export async function cutLog(run: LoggedRun, seed: number, cuts: number): Promise<string[]> {
  const { steps } = run.log;
  const wrong: string[] = [];
  const medium = new Medium();
  const chance = new Chance(seed);
  let done = 0;
  for (const [index, step] of steps.entries()) {
    step(medium);
    if (Math.floor(((index + 1) * cuts) / steps.length) <= done) continue;
    done++;
    const found = await inspect(run, medium.afterCut(chance), index + 1);
    wrong.push(...found.map((each) => `seed ${seed}, after step ${index + 1} of ${steps.length}: ${each}`));
  }
  return wrong;
}

/** Every number that was acknowledged is there or was settled, in order, and state says the same. */
async function inspect(run: LoggedRun, files: Map<string, Buffer>, steps: number): Promise<string[]> {
  const promised = run.acknowledged.findLast((one) => one.steps <= steps)?.number ?? -1;
  const ring = await openRing(realEnv([], new MemoryDisk(files)), run.options);
  const wrong: string[] = [];
  const { damagedBatches, droppedRecords } = ring.status;
  if (damagedBatches + droppedRecords > 0) wrong.push(`${damagedBatches} batches damaged, ${droppedRecords} dropped`);
  const last = Number(text(ring.state('last')) ?? -1);
  if (last < promised) wrong.push(`state ${last}, ${promised} acknowledged`);
  const known = ring.cursors().find(({ name }) => name === cursorOf.name);
  if (known !== undefined) wrong.push(...(await gone(ring, last, known.account.settled)));
  else if (promised >= 0) wrong.push('no cursor');
  await ring.close();
  return wrong;
}

async function gone(ring: Ring, last: number, settled: number): Promise<string[]> {
  const cursor = ring.cursor(cursorOf);
  let next = settled;
  while (cursor.readable)
    for (const one of await cursor.read(1_000, 1e7)) {
      const number = one.kind === 'gap' ? -one.count : Number.parseInt(text(one.body) ?? '', 10);
      if (number !== next) return [`${number} where ${next} was due`];
      next++;
    }
  return next - 1 === last ? [] : [`records up to ${next - 1}, state ${last}`];
}
