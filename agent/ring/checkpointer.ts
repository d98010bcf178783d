import type { Disk, Log as Journal } from '#kernel';
import { isAgentError, messageOf } from '#kernel';
import { encodeCheckpoint, nameOf, type Snapshot, writeCheckpoint } from './checkpoint.ts';

interface Kept {
  readonly generation: number;
  readonly position: number;
  /** Replacements of segments that it has seen. */
  readonly swaps: number;
}

/**
 * Keeps two checkpoints, so that a damaged one costs a longer replay and nothing else. The log is kept back to the
 * older one's position.
 */
export class Checkpointer {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #journal: Journal;
  #kept: Kept[];
  #writing: Promise<void> | null = null;
  #next: number;
  /** What becomes of a checkpoint's pieces on their way to the disk. */
  readonly #cover: (pieces: Iterable<Buffer>) => Iterable<Buffer>;
  bytesWritten = 0;
  lastBytes = 0;

  /** `kept`: the whole ones on the disk, newest first. `next`: above every number in use, whole or not. */
  constructor(
    disk: Disk,
    directory: string,
    journal: Journal,
    kept: readonly Kept[],
    next: number,
    cover: (pieces: Iterable<Buffer>) => Iterable<Buffer>,
  ) {
    this.#cover = cover;
    this.#disk = disk;
    this.#directory = directory;
    this.#journal = journal;
    this.#kept = kept.slice(0, 2);
    this.#next = next;
  }

  /** Records up to here are in both checkpoints: the log may forget them. */
  get coveredTo(): number {
    return this.#kept.length < 2 ? 0 : Math.min(...this.#kept.map((each) => each.position));
  }

  /** Both checkpoints have seen so many replacements of segments. */
  get coveredSwaps(): number {
    return this.#kept.length < 2 ? 0 : Math.min(...this.#kept.map((each) => each.swaps));
  }

  get newestPosition(): number {
    return this.#kept[0]?.position ?? 0;
  }

  get busy(): boolean {
    return this.#writing !== null;
  }

  /** Resolves true when it is on the disk, false when the disk refused: the log stays as it is and it is tried again. */
  async write(snapshot: Snapshot, swaps: number): Promise<boolean> {
    const work = this.#write(snapshot, swaps);
    this.#writing = work.then(
      () => undefined,
      () => undefined,
    );
    try {
      await work;
      return true;
    } catch (error) {
      if (!isAgentError(error)) throw error;
      this.#journal.warn('ring-checkpoint-refused', { code: error.code, why: messageOf(error) });
      return false;
    } finally {
      this.#writing = null;
    }
  }

  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(snapshot: Snapshot, swaps: number): Promise<void> {
    const generation = this.#next++;
    const bytes = await writeCheckpoint(
      this.#disk,
      this.#directory,
      generation,
      this.#cover(encodeCheckpoint(snapshot)),
    );
    this.bytesWritten += bytes;
    this.lastBytes = bytes;
    const [newest, ...older] = [{ generation, position: snapshot.position, swaps }, ...this.#kept];
    this.#kept = [newest as Kept, ...older.slice(0, 1)];
    for (const old of older.slice(1)) await this.#disk.remove(`${this.#directory}/${nameOf(old.generation)}`);
  }
}
