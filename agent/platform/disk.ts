import { close, constants, fdatasync, fstat, fsync, ftruncate, open, read, write } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import type { Disk, DiskCode, DiskFile, Remedy } from '#kernel';
import { AgentError, messageOf } from '#kernel';
import { acquireLock } from './lock.ts';

/** The machine's disk: plain buffered files with `fdatasync` (why not O_DIRECT: DECISIONS.md). */
export function systemDisk(): Disk {
  return {
    open: openFile,
    rename: (from, to) => mapped(from, rename(from, to)),
    remove: (path) => mapped(path, rm(path, { force: true })),
    list: (directory) => mapped(directory, namesIn(directory)),
    makeDirectory: async (path) => {
      await mapped(path, mkdir(path, { recursive: true, mode: 0o700 }));
    },
    syncDirectory: (path) => mapped(path, syncDirectory(path)),
    lock: (path) => mapped(path, acquireLock(path)),
    allocate: (bytes) => new Uint8Array(bytes),
  };
}

const openModes = {
  open: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT,
  'read-only': constants.O_RDONLY,
} as const;

async function openFile(path: string, how: 'open' | 'create' | 'read-only'): Promise<DiskFile> {
  const flags = openModes[how];
  const fd = await mapped(
    path,
    call<number>((done) => open(path, flags, 0o600, done)),
  );
  const durable = new DurableWriter(fd, flags);
  return {
    size: async () =>
      (
        await mapped(
          path,
          call<{ size: number }>((done) => fstat(fd, done)),
        )
      ).size,
    read: (into, position) => mapped(path, readFully(fd, into, position)),
    write: (from, position) => mapped(path, writeFully(fd, from, position)),
    sync: () =>
      mapped(
        path,
        call<void>((done) => fdatasync(fd, done)),
      ),
    writeDurably: (from, position) => mapped(path, durable.write(from, position)),
    truncate: (size) =>
      mapped(
        path,
        call<void>((done) => ftruncate(fd, size, done)),
      ),
    close: async () => {
      await durable.close();
      await mapped(
        path,
        call<void>((done) => close(fd, done)),
      );
    },
  };
}

/**
 * Writes through a second descriptor of the same file that syncs by itself (O_DSYNC): one trip to the thread pool instead
 * of two. Where the file cannot be opened again (no /proc), a write and a sync.
 */
class DurableWriter {
  readonly #fd: number;
  readonly #flags: number;
  #own: Promise<number | null> | null = null;

  constructor(fd: number, flags: number) {
    this.#fd = fd;
    this.#flags = flags;
  }

  async write(from: Uint8Array, position: number): Promise<void> {
    this.#own ??= this.#open();
    const own = await this.#own;
    await writeFully(own ?? this.#fd, from, position);
    if (own === null) await call<void>((done) => fdatasync(this.#fd, done));
  }

  async close(): Promise<void> {
    const own = await this.#own;
    if (own !== null) await call<void>((done) => close(own, done));
  }

  async #open(): Promise<number | null> {
    try {
      const again = `/proc/self/fd/${this.#fd}`;
      return await call<number>((done) => open(again, (this.#flags & ~constants.O_CREAT) | constants.O_DSYNC, done));
    } catch {
      return null;
    }
  }
}

async function readFully(fd: number, into: Uint8Array, position: number): Promise<number> {
  let got = 0;
  while (got < into.length) {
    const from = got;
    const count = await call<number>((done) => read(fd, into, from, into.length - from, position + from, done));
    if (count === 0) break;
    got += count;
  }
  return got;
}

async function writeFully(fd: number, from: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < from.length; ) {
    const start = done;
    const count = await call<number>((end) => write(fd, from, start, from.length - start, position + start, end));
    if (count === 0) throw Object.assign(new Error('nothing written'), { code: 'EIO' });
    done += count;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const fd = await call<number>((done) => open(path, constants.O_RDONLY | constants.O_DIRECTORY, done));
  try {
    await call<void>((done) => fsync(fd, done));
  } finally {
    await call<void>((done) => close(fd, done));
  }
}

/** One call of Node's callback interface as a promise: half the cost of `fs.promises`' handles. */
function call<T>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value as T) : reject(error)));
  });
}

const codes: Readonly<Record<string, readonly [DiskCode, Remedy]>> = {
  ENOSPC: ['disk/no-space', 'retry'],
  EDQUOT: ['disk/no-space', 'retry'],
  EFBIG: ['disk/no-space', 'reconfigure'],
  EROFS: ['disk/read-only', 'retry'],
  ENOENT: ['disk/not-found', 'reconfigure'],
  ENOTDIR: ['disk/not-found', 'reconfigure'],
  EACCES: ['disk/denied', 'reconfigure'],
  EPERM: ['disk/denied', 'reconfigure'],
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Every error as one of the disk's own; an error that already is one passes. */
async function mapped<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof AgentError) throw error;
    const [code, remedy] = codes[codeOf(error)] ?? (['disk/io', 'retry'] as const);
    throw new AgentError(code, remedy, `${path}: ${messageOf(error)}`, error);
  }
}
