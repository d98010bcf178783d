import type { Disk, DiskFile, Log as Journal } from '#kernel';
import { messageOf } from '#kernel';

const filesKept = 16;
const fileBytes = 256 * 1024;
const waitingLimit = 16;

/**
 * Copies of what could not be read, for those who want to find out why: `quarantine/NNNNNN-<segment>-<offset>` under the
 * ring's directory, at most 16 of at most 256 KiB, the oldest removed. A copy that cannot be made is logged, no more.
 */
export class Quarantine {
  /** The newest copy; null while there is none of this start. */
  path: string | null = null;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #file: DiskFile;
  readonly #segmentBytes: number;
  readonly #journal: Journal;
  #work: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(disk: Disk, ringDirectory: string, file: DiskFile, segmentBytes: number, journal: Journal) {
    this.#disk = disk;
    this.#directory = `${ringDirectory}/quarantine`;
    this.#file = file;
    this.#segmentBytes = segmentBytes;
    this.#journal = journal;
  }

  /** Copies what lies in the segment from the offset on, one copy after the other. */
  keep(segment: { readonly id: number; readonly slot: number }, offset: number): void {
    if (segment.slot < 0 || this.#waiting >= waitingLimit) return;
    this.#waiting++;
    this.#work = this.#work
      .then(() => this.#copy(segment.id, segment.slot * this.#segmentBytes + offset, offset))
      .catch((error: unknown) => this.#journal.warn('ring-quarantine-refused', { why: messageOf(error) }))
      .finally(() => {
        this.#waiting--;
      });
  }

  /** Resolves when every copy is made or given up. */
  settled(): Promise<void> {
    return this.#work;
  }

  async #copy(segment: number, start: number, offset: number): Promise<void> {
    await this.#disk.makeDirectory(this.#directory);
    const names = (await this.#disk.list(this.#directory)).filter((name) => /^\d{6}-/.test(name));
    const number = Number(names.at(-1)?.slice(0, 6) ?? 0) + 1;
    for (const old of names.slice(0, Math.max(0, names.length - filesKept + 1)))
      await this.#disk.remove(`${this.#directory}/${old}`);
    const bytes = Buffer.allocUnsafeSlow(Math.min(fileBytes, this.#segmentBytes - offset));
    const length = await this.#file.read(bytes, start);
    const path = `${this.#directory}/${String(number).padStart(6, '0')}-${segment}-${offset}`;
    await this.#write(path, bytes.subarray(0, length));
    this.path = path;
    this.#journal.warn('ring-batch-quarantined', { path, sizeBytes: length });
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.open(path, 'create');
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
