import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DiskLock } from '#kernel';
import { AgentError } from '#kernel';

/**
 * An exclusive lock without flock, which Node has not. Holders are files `<name>.<n>`; the highest n counts. Taking the
 * lock is making n + 1 by `link`, which exactly one can, when the holder of n has released it or is dead. The highest is
 * never removed, only replaced by `released`, so that a slow rival can never make a number anew; one that made a number
 * below another's gives way.
 */
export async function acquireLock(path: string): Promise<DiskLock> {
  const me = await thisProcess();
  for (let attempt = 0; attempt < 100; attempt++) {
    const highest = (await generations(path)).at(-1) ?? 0;
    const holder = highest === 0 ? null : await holderOf(`${path}.${highest}`);
    if (holder !== null && (await isAlive(holder, me, `${path}.${highest}`))) throw locked(path, holder);
    if (await take(path, highest + 1, me)) return held(path, highest + 1);
  }
  throw new AgentError('disk/locked', 'retry', `${path}: contended, gave way 100 times`);
}

interface Holder {
  readonly pid: number;
  readonly boot: string;
  /** In clock ticks since boot: tells a process from a later one of the same number. */
  readonly started: string;
  /** Process numbers mean something within one pid namespace alone (containers). */
  readonly namespace: string;
}

async function generations(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path));
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b);
}

/** True when generation `n` is ours and no higher one exists. */
async function take(path: string, n: number, me: Holder): Promise<boolean> {
  const draft = join(dirname(path), `.${basename(path)}-${randomBytes(8).toString('hex')}`);
  await writeFile(draft, JSON.stringify(me), { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, `${path}.${n}`);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const all = await generations(path);
  if ((all.at(-1) ?? 0) > n) {
    await rm(`${path}.${n}`, { force: true });
    return false;
  }
  for (const old of all) if (old < n) await rm(`${path}.${old}`, { force: true });
  return true;
}

/** The holder shows that it lives to those who cannot see its process (another container) by touching its file. */
const heartbeatMs = 1000;

function held(path: string, n: number): DiskLock {
  const file = `${path}.${n}`;
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, heartbeatMs);
  heartbeat.unref();
  return {
    release: async () => {
      clearInterval(heartbeat);
      const draft = join(dirname(path), `.${basename(path)}-${randomBytes(8).toString('hex')}`);
      await writeFile(draft, 'released', { mode: 0o600 });
      await rename(draft, file);
    },
  };
}

/** Null when released or not a holder's file. */
async function holderOf(file: string): Promise<Holder | null> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isHolder(found) ? found : null;
  } catch {
    return null;
  }
}

const isHolder = (found: unknown): found is Holder =>
  typeof found === 'object' && found !== null && 'pid' in found && 'boot' in found && 'started' in found;

async function thisProcess(): Promise<Holder> {
  return {
    pid: process.pid,
    boot: await bootId(),
    started: (await startOf(process.pid)) ?? '',
    namespace: await readlink('/proc/self/ns/pid').catch(() => ''),
  };
}

async function isAlive(holder: Holder, me: Holder, file: string): Promise<boolean> {
  if (holder.boot !== me.boot) return false;
  if (holder.namespace !== me.namespace) return beats(file);
  return (await startOf(holder.pid)) === holder.started;
}

/** Watches for four heartbeats by our own clock: file times are compared with one another, never with now. */
async function beats(file: string): Promise<boolean> {
  const before = await modified(file);
  for (let beat = 0; beat < 4; beat++) {
    await new Promise((resolve) => setTimeout(resolve, heartbeatMs));
    if ((await modified(file)) !== before) return true;
  }
  return false;
}

async function modified(file: string): Promise<string> {
  return stat(file, { bigint: true }).then(
    (found) => String(found.mtimeNs),
    () => '',
  );
}

const bootId = (): Promise<string> =>
  readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => '',
  );

/** Field 22 of /proc/PID/stat (proc(5)); null when there is no such process or it is a zombie. */
async function startOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
}

const locked = (path: string, holder: Holder): AgentError =>
  new AgentError('disk/locked', 'reconfigure', `${path}: held by process ${holder.pid}, one agent per directory`);
