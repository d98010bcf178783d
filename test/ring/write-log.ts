import type { Disk, DiskFile } from '#kernel';
import type { Chance } from './bench.ts';

const sectorBytes = 512;

interface Write {
  readonly position: number;
  readonly bytes: Buffer;
}

/** A file on the medium: what is surely there, and what may be. */
class Stored {
  #content = Buffer.alloc(0);
  /** Written, and no sync that began afterwards has ended. */
  unsynced = new Set<Write>();

  store({ position, bytes }: Write): void {
    const end = position + bytes.length;
    if (end > this.#content.length)
      this.#content = Buffer.concat([this.#content, Buffer.alloc(end - this.#content.length)]);
    bytes.copy(this.#content, position);
  }

  synced(writes: readonly Write[]): void {
    for (const write of writes) if (this.unsynced.delete(write)) this.store(write);
  }

  /** What a power cut may leave: each sector of what was not synced is there or not, in any order. */
  afterCut(chance: Chance): Buffer {
    const copy = new Stored();
    copy.store({ position: 0, bytes: this.#content });
    const share = chance.pick([0, 0.1, 0.5, 0.9, 1]);
    const sectors = [...this.unsynced].flatMap(split);
    for (let index = sectors.length - 1; index > 0; index--) {
      const other = chance.between(0, index);
      [sectors[index], sectors[other]] = [sectors[other] as Write, sectors[index] as Write];
    }
    for (const sector of sectors) if (chance.hits(share)) copy.store(sector);
    return copy.#content;
  }
}

function split({ position, bytes }: Write): Write[] {
  const pieces: Write[] = [];
  for (let at = 0; at < bytes.length; at += sectorBytes)
    pieces.push({ position: position + at, bytes: bytes.subarray(at, at + sectorBytes) });
  return pieces;
}

interface Rename {
  readonly gone: string | null;
  readonly path: string | null;
  readonly file: Stored | null;
}

type Change = (medium: Medium) => void;

/** What the log says so far, from its start on. */
export class Medium {
  readonly #names = new Map<string, Stored>();
  renames = new Set<Rename>();

  rename({ gone, path, file }: Rename, names: Map<string, Stored> = this.#names): void {
    if (gone !== null) names.delete(gone);
    if (path !== null && file !== null) names.set(path, file);
  }

  afterCut(chance: Chance): Map<string, Buffer> {
    const names = new Map(this.#names);
    for (const change of this.renames) if (chance.hits(0.5)) this.rename(change, names);
    return new Map([...names].map(([path, file]) => [path, file.afterCut(chance)]));
  }
}

/**
 * The log of a real disk's changes, as a process made them: begun and ended, in the order in which that happened. A power
 * cut after any of its steps leaves what was synced, and whatever of the rest.
 */
export class WriteLog {
  readonly steps: Change[] = [];
  /** Syncs promise nothing: the negative control. */
  readonly #ignoreSync: boolean;
  readonly #names = new Map<string, Stored>();
  readonly #renames = new Set<Rename>();

  constructor(ignoreSync = false) {
    this.#ignoreSync = ignoreSync;
  }

  /** `disk`, with everything written down that is done to it. */
  over(disk: Disk): Disk {
    return {
      ...disk,
      open: async (path, how) => {
        const file = await disk.open(path, how);
        return how === 'read-only' ? file : this.#file(path, file);
      },
      rename: async (from, to) => {
        await disk.rename(from, to);
        const file = this.#names.get(from) ?? null;
        this.#renamed({ gone: from, path: to, file });
      },
      remove: async (path) => {
        await disk.remove(path);
        if (this.#names.has(path)) this.#renamed({ gone: path, path: null, file: null });
      },
      syncDirectory: async (path) => {
        const before = [...this.#renames];
        await disk.syncDirectory(path);
        if (this.#ignoreSync) return;
        for (const change of before) this.#renames.delete(change);
        this.steps.push((medium) => {
          for (const change of before) if (medium.renames.delete(change)) medium.rename(change);
        });
      },
    };
  }

  #renamed(change: Rename): void {
    if (change.gone !== null) this.#names.delete(change.gone);
    if (change.path !== null && change.file !== null) this.#names.set(change.path, change.file);
    this.#renames.add(change);
    this.steps.push((medium) => void medium.renames.add(change));
  }

  #file(path: string, file: DiskFile): DiskFile {
    const known = this.#names.get(path);
    const stored = known ?? new Stored();
    if (known === undefined) this.#renamed({ gone: null, path, file: stored });
    /** Ended, and not yet synced. */
    const ended = new Set<Write>();
    const write = async (from: Uint8Array, position: number, durably: boolean): Promise<void> => {
      const one = { position, bytes: Buffer.from(from) };
      this.steps.push(() => void stored.unsynced.add(one));
      await (durably ? file.writeDurably(from, position) : file.write(from, position));
      if (durably && !this.#ignoreSync) this.steps.push(() => stored.synced([one]));
      else ended.add(one);
    };
    return {
      ...file,
      write: (from, position) => write(from, position, false),
      writeDurably: (from, position) => write(from, position, true),
      sync: async () => {
        const before = [...ended];
        await file.sync();
        if (this.#ignoreSync) return;
        for (const one of before) ended.delete(one);
        this.steps.push(() => stored.synced(before));
      },
    };
  }
}
