import type { Disk, DiskFile } from '#kernel';
import { AgentError } from '#kernel';
import {
  hashBytes,
  leafCount,
  leafHash,
  leafLength,
  levelsOver,
  rootHash,
  siblings,
  type TreeShape,
  topOf,
} from './tree.ts';

/** Leaves whose hashes are read at once and whose part of the tree is kept: 16 MiB of a file. */
const groupLeaves = 256;
const groupBytes = groupLeaves * hashBytes;
const readAtOnce = 16;

export const changed = (path: string): AgentError =>
  new AgentError('files/changed', 'reject', `${path}: found other content than when it was offered, wanted the same`);

/**
 * A file that is sent, and its hash tree: the leaves' hashes in a file beside (1/2048 of its size), in memory what lies
 * above groups of 256 of them (4 bytes a MiB) and one group.
 */
export class Source {
  readonly shape: TreeShape;
  readonly root: Uint8Array;
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #hashes: DiskFile;
  readonly #upper: readonly Uint8Array[];
  #group: { readonly number: number; readonly levels: Promise<readonly Uint8Array[]> } | null = null;

  private constructor(path: string, shape: TreeShape, files: SourceFiles, upper: readonly Uint8Array[]) {
    this.#path = path;
    this.shape = shape;
    this.#file = files.file;
    this.#hashes = files.hashes;
    this.#upper = upper;
    this.root = rootHash(shape, topOf(upper));
  }

  /**
   * Opens the file and its hashes; where they are not those of `root` (null: none is known), the file is hashed anew.
   * Throws `files/changed` when that does not give `root` either. `progress`: bytes hashed; false: stop.
   */
  static async open(
    disk: Disk,
    places: { readonly path: string; readonly hashes: string },
    shape: TreeShape,
    root: Uint8Array | null,
    progress: (bytes: number) => boolean,
  ): Promise<Source> {
    const file = await disk.open(places.path, 'read-only');
    const files: SourceFiles = { file, hashes: await disk.open(places.hashes, 'create').catch(closing(file)) };
    try {
      if ((await file.size()) < shape.sizeBytes) throw changed(places.path);
      if (root !== null && (await files.hashes.size()) === leafCount(shape) * hashBytes) {
        const found = new Source(places.path, shape, files, levelsOver(await groupTops(files.hashes, shape)));
        if (Buffer.compare(found.root, root) === 0) return found;
      }
      await hashInto(files, shape, progress);
      const made = new Source(places.path, shape, files, levelsOver(await groupTops(files.hashes, shape)));
      if (root !== null && Buffer.compare(made.root, root) !== 0) throw changed(places.path);
      return made;
    } catch (error) {
      await Promise.allSettled([file.close(), files.hashes.close()]);
      throw error;
    }
  }

  /** Leaf and proof, checked: what goes out is what was offered. `into` has room for a leaf. Throws `files/changed`. */
  async read(index: number, into: Uint8Array): Promise<{ readonly bytes: Uint8Array; readonly proof: Uint8Array }> {
    const length = leafLength(this.shape, index);
    const bytes = into.subarray(0, length);
    const [got, levels] = await Promise.all([
      this.#file.read(bytes, index * this.shape.leafBytes),
      this.#levelsOf(Math.floor(index / groupLeaves)),
    ]);
    const at = (index % groupLeaves) * hashBytes;
    const wanted = levels[0]?.subarray(at, at + hashBytes) ?? new Uint8Array(0);
    if (got < length || Buffer.compare(leafHash(bytes), wanted) !== 0) throw changed(this.#path);
    const within = siblings(levels, index % groupLeaves);
    const above = siblings(this.#upper, Math.floor(index / groupLeaves));
    return { bytes, proof: Buffer.concat([...within, ...above]) };
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#file.close(), this.#hashes.close()]);
  }

  #levelsOf(number: number): Promise<readonly Uint8Array[]> {
    if (this.#group?.number !== number) this.#group = { number, levels: readGroup(this.#hashes, number) };
    return this.#group.levels;
  }
}

interface SourceFiles {
  readonly file: DiskFile;
  readonly hashes: DiskFile;
}

const closing =
  (file: DiskFile) =>
  async (error: unknown): Promise<never> => {
    await file.close();
    throw error;
  };

async function readGroup(hashes: DiskFile, number: number): Promise<readonly Uint8Array[]> {
  const bytes = new Uint8Array(groupBytes);
  const got = await hashes.read(bytes, number * groupBytes);
  return levelsOver(bytes.subarray(0, got - (got % hashBytes)));
}

/** The tops of the groups: aligned groups of a power of two are subtrees. */
export async function groupTops(hashes: DiskFile, shape: TreeShape): Promise<Uint8Array> {
  const groups = Math.ceil(leafCount(shape) / groupLeaves);
  const tops = new Uint8Array(groups * hashBytes);
  for (let group = 0; group < groups; group++) {
    tops.set(topOf(await readGroup(hashes, group)), group * hashBytes);
  }
  return tops;
}

async function hashInto({ file, hashes }: SourceFiles, shape: TreeShape, progress: (bytes: number) => boolean) {
  const leaves = leafCount(shape);
  const bytes = new Uint8Array(shape.leafBytes * readAtOnce);
  const found = new Uint8Array(readAtOnce * hashBytes);
  for (let first = 0; first < leaves; first += readAtOnce) {
    const at = first * shape.leafBytes;
    const wanted = Math.min(bytes.length, shape.sizeBytes - at);
    const got = await file.read(bytes.subarray(0, wanted), at);
    if (got < wanted)
      throw new AgentError('files/changed', 'reject', `file: found ${at + got} bytes, wanted ${shape.sizeBytes}`);
    const count = Math.min(readAtOnce, leaves - first);
    for (let index = 0; index < count; index++) {
      const start = index * shape.leafBytes;
      found.set(leafHash(bytes.subarray(start, start + leafLength(shape, first + index))), index * hashBytes);
    }
    await hashes.write(found.slice(0, count * hashBytes), first * hashBytes);
    if (!progress(at + wanted)) throw new AgentError('files/cancelled', 'reject', 'file: no longer wanted');
  }
  await hashes.truncate(leaves * hashBytes);
}
