import type { Disk, DiskCode, DiskFile, DiskLock } from '#kernel';
import { AgentError, pageBytes } from '#kernel';
import type { Chance } from './chance.ts';
import { Inode } from './inode.ts';
import type { World } from './world.ts';

export type DiskOperation = 'open' | 'write' | 'sync' | 'truncate' | 'rename' | 'remove' | 'sync-directory' | 'read';

/** What is wrong with the disk now. All may change at any time. */
export interface DiskFaults {
  /** Bytes that fit; more is `disk/no-space`. */
  capacityBytes: number;
  readOnly: boolean;
  /** How many of the next syncs fail, losing pages as Linux does: a later sync that succeeds does not bring them back. */
  failSyncs: number;
  failWrites: number;
  failReads: number;
  /** Simulated time that a sync takes. */
  syncMs: number;
  /** The negative control: syncs claim success and do nothing. */
  ignoreSync: boolean;
}

/** A change of names that no directory sync has covered yet. */
interface NameChange {
  readonly directory: string;
  readonly gone: string | null;
  readonly path: string | null;
  readonly inode: Inode | null;
}

function apply(names: Map<string, Inode>, change: NameChange): void {
  if (change.gone !== null) names.delete(change.gone);
  if (change.path !== null && change.inode !== null) names.set(change.path, change.inode);
}

/**
 * One node's disk. What was synced survives a power cut; of the rest a random part does, torn at 512 bytes and in any
 * order, names too. Everything takes simulated time, and every operation can be watched by `onOperation`.
 */
export class SimulatedDisk implements Disk {
  readonly faults: DiskFaults = {
    capacityBytes: Number.POSITIVE_INFINITY,
    readOnly: false,
    failSyncs: 0,
    failWrites: 0,
    failReads: 0,
    syncMs: 1,
    ignoreSync: false,
  };
  /** Operations begun so far that can change what is on the disk. */
  operations = 0;
  /** Called before and after each operation that can change what is on the disk: the place for a cut. */
  onOperation: ((phase: 'before' | 'after', what: DiskOperation, number: number) => void) | null = null;
  bytesWritten = 0;
  readonly #world: World;
  readonly #chance: Chance;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #directories = new Set<string>();
  #changes: NameChange[] = [];
  #locks = new Set<string>();
  readonly #spoilt = new WeakMap<Inode, Set<number>>();
  /** Counts power cuts: what was opened before the last one is dead. */
  #life = 0;

  constructor(world: World, chance: Chance = world.chance.fork()) {
    this.#world = world;
    this.#chance = chance;
  }

  /** Power fails now: operations under way never end, and what was not synced is kept or lost by chance. */
  powerCut(chance: Chance = this.#chance): void {
    this.#life++;
    this.#locks.clear();
    for (const change of this.#changes) if (chance.hits(0.5)) apply(this.#durableNames, change);
    this.#changes = [];
    this.#names = new Map(this.#durableNames);
    for (const inode of new Set(this.#names.values())) inode.powerCut(chance);
  }

  /** The process dies (SIGKILL): the page cache stays, locks are free again, operations under way never end. */
  kill(): void {
    this.#life++;
    this.#locks.clear();
  }

  /** This disk as another machine would find it had the power failed now; this one goes on. */
  afterCut(world: World, chance: Chance): SimulatedDisk {
    const other = new SimulatedDisk(world, chance.fork());
    const copies = new Map<Inode, Inode>();
    const copy = (inode: Inode): Inode => {
      const made = copies.get(inode) ?? inode.clone();
      copies.set(inode, made);
      return made;
    };
    for (const [path, inode] of this.#durableNames) other.#durableNames.set(path, copy(inode));
    other.#directories = new Set(this.#directories);
    other.#changes = this.#changes.map((change) => ({ ...change, inode: change.inode && copy(change.inode) }));
    other.powerCut(chance);
    return other;
  }

  /** The same disk in another world: what was open before is not any more. */
  moved(world: World): SimulatedDisk {
    const other = new SimulatedDisk(world, this.#chance);
    other.#names = this.#names;
    other.#durableNames = this.#durableNames;
    other.#changes = this.#changes;
    other.#directories = this.#directories;
    return other;
  }

  /** What is stored under a path now, for tests that look at or damage the bytes. */
  peek(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.content;
  }

  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** The medium decays: one bit turns over, in what is cached and what is stored. */
  flipBit(path: string, byte: number, bit: number): void {
    this.#names.get(path)?.flipBit(byte, bit);
  }

  /** The page that holds the byte never reads again. */
  spoil(path: string, byte: number): void {
    const inode = this.#names.get(path);
    if (inode === undefined) return;
    const spoilt = this.#spoilt.get(inode) ?? new Set();
    this.#spoilt.set(inode, spoilt.add(Math.floor(byte / pageBytes)));
  }

  #isSpoilt(inode: Inode, into: Uint8Array, position: number): boolean {
    const pages = [...(this.#spoilt.get(inode) ?? [])];
    return pages.some((page) => page * pageBytes < position + into.length && (page + 1) * pageBytes > position);
  }

  /** The sum of all files, as `capacityBytes` counts it. */
  get usedBytes(): number {
    let sum = 0;
    for (const inode of new Set(this.#names.values())) sum += inode.size;
    return sum;
  }

  async open(path: string, how: 'open' | 'create' | 'read-only'): Promise<DiskFile> {
    await this.#takes(0.02);
    const found = this.#names.get(path);
    if (found !== undefined) return this.#handle(found, how !== 'read-only');
    if (how !== 'create') throw fault('disk/not-found', `${path}: not there`);
    return this.#changing('open', 0.02, () => {
      const inode = new Inode();
      this.#change({ directory: parent(path), gone: null, path, inode });
      return this.#handle(inode, true);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#changing('rename', 0.05, () => {
      const inode = this.#names.get(from);
      if (inode === undefined) throw fault('disk/not-found', `${from}: not there`);
      this.#change({ directory: parent(to), gone: from, path: to, inode });
    });
  }

  remove(path: string): Promise<void> {
    return this.#changing('remove', 0.05, () => {
      if (!this.#names.has(path)) return;
      this.#change({ directory: parent(path), gone: path, path: null, inode: null });
    });
  }

  async list(directory: string): Promise<string[]> {
    await this.#takes(0.02);
    const inside = [...this.#names.keys()].filter((path) => parent(path) === directory);
    return inside.map((path) => path.slice(directory.length + 1)).sort();
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#takes(0.02);
    if (this.faults.readOnly && !this.#directories.has(path)) throw fault('disk/read-only', `${path}: read-only`);
    this.#directories.add(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#changing('sync-directory', this.faults.syncMs, () => {
      this.#maybeFailSync(path);
      if (this.faults.ignoreSync) return;
      for (const change of this.#changes) if (change.directory === path) apply(this.#durableNames, change);
      this.#changes = this.#changes.filter((change) => change.directory !== path);
    });
  }

  async lock(path: string): Promise<DiskLock> {
    await this.#takes(0.02);
    if (this.#locks.has(path)) throw fault('disk/locked', `${path}: held by process 1`, 'reconfigure');
    this.#locks.add(path);
    const life = this.#life;
    return {
      release: async () => {
        if (life === this.#life) this.#locks.delete(path);
      },
    };
  }

  allocate(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  #handle(inode: Inode, writable: boolean): DiskFile {
    const life = this.#life;
    const alive = (): void => {
      if (life !== this.#life) throw new Error('bug: a file opened before a power cut was used after it');
    };
    const writing = (): void => {
      if (!writable || this.faults.readOnly) throw fault('disk/read-only', 'write: read-only');
    };
    const write = (bytes: Uint8Array, position: number): Promise<void> =>
      this.#changing('write', 0.03, () => {
        writing();
        if (this.faults.failWrites > 0 && this.faults.failWrites-- > 0) throw fault('disk/io', 'write: i/o error');
        const growth = Math.max(0, position + bytes.length - inode.size);
        if (growth > 0 && this.usedBytes + growth > this.faults.capacityBytes) {
          throw fault('disk/no-space', 'write: no space left');
        }
        this.bytesWritten += bytes.length;
        inode.write(bytes, position);
      });
    return {
      size: async () => {
        alive();
        await this.#takes(0.01);
        return inode.size;
      },
      read: async (into, position) => {
        alive();
        await this.#takes(0.03);
        if (this.faults.failReads > 0 && this.faults.failReads-- > 0) throw fault('disk/io', 'read: i/o error');
        if (this.#isSpoilt(inode, into, position)) throw fault('disk/io', 'read: i/o error');
        return inode.read(into, position);
      },
      write: (from, position) => {
        alive();
        return write(Uint8Array.prototype.slice.call(from), position);
      },
      writeDurably: async (from, position) => {
        alive();
        const bytes = Uint8Array.prototype.slice.call(from);
        await write(bytes, position);
        await this.#changing('sync', this.faults.syncMs, () => {
          this.#maybeFailSync('sync', inode);
          if (!this.faults.ignoreSync) inode.syncWrite(bytes);
        });
      },
      sync: () => {
        alive();
        return this.#changing('sync', this.faults.syncMs, () => {
          this.#maybeFailSync('sync', inode);
          if (!this.faults.ignoreSync) inode.sync();
        });
      },
      truncate: (size) => {
        alive();
        return this.#changing('truncate', 0.03, () => {
          writing();
          inode.truncate(size);
        });
      },
      close: async () => this.#takes(0.01),
    };
  }

  #maybeFailSync(what: string, inode?: Inode): void {
    if (this.faults.failSyncs <= 0) return;
    this.faults.failSyncs--;
    inode?.failSync(this.#chance);
    throw fault('disk/io', `${what}: i/o error`);
  }

  #change(change: NameChange): void {
    if (this.faults.readOnly) throw fault('disk/read-only', `${change.directory}: read-only`);
    apply(this.#names, change);
    this.#changes.push(change);
  }

  /** An operation that can change the disk; `effect` happens at its end, in one piece. */
  async #changing<T>(what: DiskOperation, ms: number, effect: () => T): Promise<T> {
    const number = ++this.operations;
    this.onOperation?.('before', what, number);
    await this.#takes(ms);
    const result = effect();
    this.onOperation?.('after', what, number);
    return result;
  }

  /** Never settles when the power fails meanwhile. */
  #takes(ms: number): Promise<void> {
    const life = this.#life;
    return new Promise((resolve) => {
      this.#world.plan(ms, () => {
        if (life === this.#life) resolve();
      });
    });
  }
}

const parent = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

const fault = (code: DiskCode, text: string, remedy: 'retry' | 'reconfigure' = 'retry'): AgentError =>
  new AgentError(code, remedy, text);
