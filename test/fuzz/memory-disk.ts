import { AgentError, type Disk, type DiskFile, type DiskLock } from '#kernel';

/** A disk that is a map of names to bytes, as fast as can be: nothing is lost, torn or late. */
export class MemoryDisk implements Disk {
  readonly files: Map<string, Buffer>;

  constructor(files: ReadonlyMap<string, Buffer> = new Map()) {
    this.files = new Map([...files].map(([path, bytes]) => [path, Buffer.from(bytes)]));
  }

  async open(path: string, how: 'open' | 'create' | 'read-only'): Promise<DiskFile> {
    if (!this.files.has(path)) {
      if (how !== 'create') throw new AgentError('disk/not-found', 'reject', `${path}: not found`);
      this.files.set(path, Buffer.alloc(0));
    }
    return new MemoryFile(this.files, path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.files.set(to, this.files.get(from) ?? Buffer.alloc(0));
    this.files.delete(from);
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }

  async list(directory: string): Promise<string[]> {
    const start = `${directory}/`;
    return [...this.files.keys()].flatMap((path) => (path.startsWith(start) ? [path.slice(start.length)] : [])).sort();
  }

  async makeDirectory(): Promise<void> {}

  async syncDirectory(): Promise<void> {}

  async lock(): Promise<DiskLock> {
    return { release: async () => {} };
  }

  allocate(bytes: number): Uint8Array {
    return Buffer.alloc(bytes);
  }
}

class MemoryFile implements DiskFile {
  readonly #files: Map<string, Buffer>;
  readonly #path: string;

  constructor(files: Map<string, Buffer>, path: string) {
    this.#files = files;
    this.#path = path;
  }

  get #bytes(): Buffer {
    return this.#files.get(this.#path) ?? Buffer.alloc(0);
  }

  async size(): Promise<number> {
    return this.#bytes.length;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    return this.#bytes.copy(into, 0, Math.min(position, this.#bytes.length));
  }

  async write(from: Uint8Array, position: number): Promise<void> {
    await this.truncate(Math.max(this.#bytes.length, position + from.length));
    this.#bytes.set(from, position);
  }

  async sync(): Promise<void> {}

  writeDurably(from: Uint8Array, position: number): Promise<void> {
    return this.write(from, position);
  }

  async truncate(size: number): Promise<void> {
    if (size === this.#bytes.length) return;
    const bytes = Buffer.alloc(size);
    this.#bytes.copy(bytes);
    this.#files.set(this.#path, bytes);
  }

  async close(): Promise<void> {}
}
