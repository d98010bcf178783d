import type { Disk, DiskFile } from '#kernel';
import { reachLeaves } from './frame.ts';
import { groupTops } from './source.ts';
import { hashBytes, leafCount, leafHash, leafLength, levelsOver, rootHash, type TreeShape, topOf } from './tree.ts';

/** So much may be written before the disk is asked to take it: a flush of gigabytes at the end would hold up everybody. */
const syncEveryBytes = 8 * 1024 * 1024;
const readAtOnce = 16;

/**
 * A file that comes in: its bytes, and beside it the hashes of the leaves that were proven and written. After a restart
 * what is on the disk is hashed again, and what does not match is not there: neither file need have been synced, and a
 * disk that lied or decayed is noticed.
 */
export class Landing {
  readonly #disk: Disk;
  readonly #paths: LandingPaths;
  readonly #shape: TreeShape;
  readonly #root: Uint8Array;
  readonly #part: DiskFile;
  readonly #hashes: DiskFile;
  #unsyncedBytes = 0;
  #syncing: Promise<void> = Promise.resolve();
  #isDistrusted = false;
  #isRenamed = false;

  private constructor(disk: Disk, paths: LandingPaths, what: Wanted, part: DiskFile, hashes: DiskFile) {
    this.#disk = disk;
    this.#paths = paths;
    this.#shape = what.shape;
    this.#root = what.root;
    this.#part = part;
    this.#hashes = hashes;
  }

  static async open(disk: Disk, paths: LandingPaths, what: Wanted): Promise<Landing> {
    await disk.makeDirectory(paths.directory);
    const part = await disk.open(paths.part, 'create');
    try {
      return new Landing(disk, paths, what, part, await disk.open(paths.hashes, 'create'));
    } catch (error) {
      await part.close();
      throw error;
    }
  }

  /** The leaves that are here already, whole. `isWanted` false: stop. */
  async survey(isWanted: () => boolean): Promise<{ readonly next: number; readonly beyond: readonly number[] }> {
    const leaves = leafCount(this.#shape);
    const bytes = new Uint8Array(this.#shape.leafBytes * readAtOnce);
    const known = new Uint8Array(readAtOnce * hashBytes);
    const beyond: number[] = [];
    let next: number | null = null;
    let first = 0;
    while (first < leaves && (next === null || first <= next + reachLeaves) && isWanted()) {
      const got = await this.#part.read(bytes, first * this.#shape.leafBytes);
      const hashed = await this.#hashes.read(known, first * hashBytes);
      for (let leaf = 0; leaf < readAtOnce && first + leaf < leaves; leaf++) {
        if (!this.#isWhole(first + leaf, leaf, bytes.subarray(0, got), known.subarray(0, hashed)))
          next ??= first + leaf;
        else if (next !== null) beyond.push(first + leaf);
      }
      first += readAtOnce;
      if (got < bytes.length) break;
    }
    return { next: next ?? Math.min(first, leaves), beyond };
  }

  /** Bytes and hash, in whatever order the disk likes. */
  async write(index: number, hash: Uint8Array, bytes: Uint8Array): Promise<void> {
    await this.#part.write(bytes, index * this.#shape.leafBytes);
    await this.#hashes.write(hash, index * hashBytes);
    this.#unsyncedBytes += bytes.length;
    if (this.#unsyncedBytes < syncEveryBytes) return;
    this.#unsyncedBytes = 0;
    // One at a time; the next leaf waits for the one before the last.
    const before = this.#syncing;
    this.#syncing = before.then(() => this.#sync());
    this.#syncing.catch(() => {});
    await before;
  }

  /** A sync has failed: of what was written before nothing is known, whatever reading it says. */
  get isDistrusted(): boolean {
    return this.#isDistrusted;
  }

  /** Whether the hashes of all that was written make the root. */
  async isWhole(): Promise<boolean> {
    const top = topOf(levelsOver(await groupTops(this.#hashes, this.#shape)));
    return Buffer.compare(rootHash(this.#shape, top), this.#root) === 0;
  }

  /** Durable, under its last name. After an error: again, from the beginning. */
  async settle(into: { readonly directory: string; readonly path: string }): Promise<void> {
    await this.#syncing;
    await this.#part.truncate(this.#shape.sizeBytes);
    await this.#sync();
    await this.#disk.makeDirectory(into.directory);
    if (!this.#isRenamed) await this.#disk.rename(this.#paths.part, into.path);
    this.#isRenamed = true;
    await this.#disk.syncDirectory(into.directory);
    await this.#disk.syncDirectory(this.#paths.directory);
  }

  async close(): Promise<void> {
    await this.#syncing.catch(() => {});
    await Promise.allSettled([this.#part.close(), this.#hashes.close()]);
  }

  async #sync(): Promise<void> {
    try {
      await this.#part.sync();
    } catch (error) {
      this.#isDistrusted = true;
      throw error;
    }
  }

  #isWhole(index: number, leaf: number, bytes: Uint8Array, known: Uint8Array): boolean {
    const start = leaf * this.#shape.leafBytes;
    const found = bytes.subarray(start, start + leafLength(this.#shape, index));
    const hash = known.subarray(leaf * hashBytes, (leaf + 1) * hashBytes);
    return found.length === leafLength(this.#shape, index) && Buffer.compare(leafHash(found), hash) === 0;
  }
}

export interface LandingPaths {
  readonly directory: string;
  readonly part: string;
  readonly hashes: string;
}

interface Wanted {
  readonly shape: TreeShape;
  readonly root: Uint8Array;
}

/** Removes what an unfinished transfer has left. */
export async function clear(disk: Disk, { part, hashes }: LandingPaths): Promise<void> {
  await disk.remove(part);
  await disk.remove(hashes);
}
