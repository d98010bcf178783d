import type { Clock, DiskFile, Log as Journal } from '#kernel';
import { after, isAgentError, messageOf, milliseconds, pageBytes } from '#kernel';

/** Waits before each further try, in ms: 2.5 s in all. */
const waits = [10, 20, 40, 80, 160, 320, 640, 1280] as const;
const longestWait = 1280;
/** Pages that are not waited for again; of more the oldest are. */
const rememberedPages = 4096;
/** Places of the file where it is tried whether the disk reads at all. */
const probes = 16;

export interface PatientOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  /** Where the disk is tried when no other page of the file is left; null: such a file gets its tries, no more. */
  readonly elsewhere: DiskFile | null;
}

/**
 * A file whose reads tell a disk that is out for a while from a page that is lost. What cannot be read is tried again; a
 * page that reads in none of the tries while other places of the file do is given up, and is zeros, which no checksum
 * passes. While nothing reads at all it waits, up to `stopWaiting`. So `read` fails with `disk/io` only after that.
 */
export class PatientFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #options: PatientOptions;
  /** Positions of pages given up. */
  readonly #givenUp = new Set<number>();
  readonly #waiting = new Set<() => void>();
  #stopped = false;

  constructor(file: DiskFile, options: PatientOptions) {
    this.#file = file;
    this.#options = options;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    try {
      return await this.#file.read(into, position);
    } catch (error) {
      if (!isIoError(error)) throw error;
      return this.#insist(into, position, error);
    }
  }

  /** The reads that wait fail, and so do later ones that would have to. */
  stopWaiting(): void {
    this.#stopped = true;
    for (const wake of [...this.#waiting]) wake();
  }

  size(): Promise<number> {
    return this.#file.size();
  }

  write(from: Uint8Array, position: number): Promise<void> {
    return this.#file.write(from, position);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  writeDurably(from: Uint8Array, position: number): Promise<void> {
    return this.#file.writeDurably(from, position);
  }

  truncate(size: number): Promise<void> {
    return this.#file.truncate(size);
  }

  close(): Promise<void> {
    this.stopWaiting();
    return this.#file.close();
  }

  async #insist(into: Uint8Array, position: number, error: unknown): Promise<number> {
    const { journal } = this.#options;
    const reading: Reading = { into, position, failing: pagesOf(into), end: 0 };
    await this.#tryAgain(reading);
    const known = (at: number): boolean => this.#givenUp.has(position + at);
    if (!reading.failing.every(known))
      journal.warn('ring-read-failed', { positionBytes: position, lengthBytes: into.length, why: messageOf(error) });
    let told = false;
    for (let tries = 0, silent = 0; tries < waits.length && !reading.failing.every(known); ) {
      await this.#pause(waits[tries + silent] ?? longestWait);
      if (this.#stopped) throw error;
      await this.#tryAgain(reading);
      if (await this.#reads(reading)) tries++;
      else silent++;
      if (silent === waits.length && !told) journal.warn('ring-disk-reads-nothing', { why: messageOf(error) });
      told ||= silent === waits.length;
    }
    if (told) journal.info('ring-disk-reads-again');
    for (const at of reading.failing) this.#giveUp(reading, at);
    return reading.end;
  }

  /** Reads page by page what failed before. */
  async #tryAgain(reading: Reading): Promise<void> {
    const { into, position } = reading;
    const failing: number[] = [];
    for (const at of reading.failing) {
      const got = await tried(this.#file, into.subarray(at, at + pageBytes), position + at);
      if (got === null) failing.push(at);
      else if (got > 0) reading.end = Math.max(reading.end, at + got);
    }
    reading.failing = failing;
  }

  /** Whether the disk reads at all: some page that is not one of those in question. */
  async #reads({ position, failing }: Reading): Promise<boolean> {
    const size = await this.#file.size().catch(() => 0);
    const pages = Math.ceil(size / pageBytes);
    const asked = new Set(failing.map((at) => position + at));
    const page = Buffer.allocUnsafe(pageBytes);
    let left = 0;
    for (let probe = 0; probe < probes; probe++) {
      const at = Math.floor((probe * pages) / probes) * pageBytes;
      if (asked.has(at) || at >= size) continue;
      left++;
      if ((await tried(this.#file, page, at)) !== null) return true;
    }
    const { elsewhere } = this.#options;
    if (left > 0 || size === 0) return false;
    return elsewhere === null || (await tried(elsewhere, page, 0)) !== null;
  }

  #giveUp(reading: Reading, at: number): void {
    const { into, position } = reading;
    const page = into.subarray(at, at + pageBytes);
    page.fill(0);
    reading.end = Math.max(reading.end, at + page.length);
    if (this.#givenUp.has(position + at)) return;
    this.#options.journal.warn('ring-page-unreadable', { positionBytes: position + at });
    this.#givenUp.add(position + at);
    if (this.#givenUp.size <= rememberedPages) return;
    for (const oldest of this.#givenUp) {
      this.#givenUp.delete(oldest);
      return;
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.at(after(clock.now(), milliseconds(ms)), () => wake());
      const wake = (): void => {
        timer.cancel();
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }
}

interface Reading {
  readonly into: Uint8Array;
  readonly position: number;
  /** Offsets of pages in `into` that have not been read. */
  failing: number[];
  /** Where what was read ends, from the start of `into`. */
  end: number;
}

const isIoError = (error: unknown): boolean => isAgentError(error) && error.code === 'disk/io';

const pagesOf = (into: Uint8Array): number[] =>
  Array.from({ length: Math.ceil(into.length / pageBytes) }, (_, index) => index * pageBytes);

/** Null: not readable now. */
async function tried(file: DiskFile, into: Uint8Array, position: number): Promise<number | null> {
  try {
    return await file.read(into, position);
  } catch (error) {
    if (isIoError(error)) return null;
    throw error;
  }
}
