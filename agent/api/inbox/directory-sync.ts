import type { Disk } from '#kernel';

/** Syncs of one directory: those who ask while one is under way share the next. */
export class DirectorySync {
  readonly #disk: Disk;
  readonly #path: string;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** Resolves when all that happened in the directory before this call is durable. */
  sync(): Promise<void> {
    this.#next ??= this.#begin();
    return this.#next;
  }

  async #begin(): Promise<void> {
    await this.#running.catch(() => undefined);
    const running = this.#disk.syncDirectory(this.#path);
    this.#running = running;
    this.#next = null;
    await running;
  }
}
