import { prepareBlake3 } from '#crypto';
import { type Disk, type DiskFile, isAgentError, type Log, messageOf } from '#kernel';
import type { ReceivedMessage } from '#overlay';
import { decodeMessageFile, identityOf } from './message-file.ts';
import { SharedWork } from './shared-work.ts';

/** A message on disk without its payload. */
export interface Kept extends Omit<ReceivedMessage, 'payload'> {
  readonly name: string;
  /** Of its file: the same for the same message from the same sender. */
  readonly identity: string;
  readonly payloadBytes: number;
}

const nameDigits = 16;
const readsAtATime = 4;

/**
 * Messages as files of one directory, named by their order of arrival. A file that is not whole (a power cut while it
 * was written, before anybody was told of it) is removed when the directory is opened.
 */
export class InboxFiles {
  readonly #disk: Disk;
  readonly #log: Log;
  readonly #directory: string;
  readonly #names: SharedWork;
  #next = 1;
  #reading = 0;
  /** No longer than there are readers, whom the door bounds. */
  readonly #waiting: (() => void)[] = [];
  /** Files that were not whole, or could not be read. */
  damaged = 0;

  constructor(disk: Disk, log: Log, directory: string) {
    this.#disk = disk;
    this.#log = log;
    this.#directory = directory;
    this.#names = new SharedWork(() => disk.syncDirectory(directory));
  }

  /** What lies there, oldest first. */
  async open(): Promise<Kept[]> {
    await this.#disk.makeDirectory(this.#directory);
    await this.#disk.syncDirectory(this.#directory.slice(0, this.#directory.lastIndexOf('/')));
    const names = (await this.#disk.list(this.#directory)).filter((name) => /^\d{16}$/.test(name));
    this.#next = 1 + Number(names.at(-1) ?? 0);
    // Not awaited: it changes no result, and nothing simulated may wait for the real machine.
    prepareBlake3().catch((error) => this.#log.warn('blake3-stays-portable', { cause: messageOf(error) }));
    const found: Kept[] = [];
    const seen = new Set<string>();
    for (const name of names) {
      const kept = await this.#examine(name);
      if (kept === null) continue;
      const id = `${kept.from}${kept.id}${kept.isReply}`;
      // A copy that could not be synced at its first coming and was stored again at its second.
      if (seen.has(id)) await this.#disk.remove(this.#path(name));
      else found.push(kept);
      seen.add(id);
    }
    return found;
  }

  /** Resolves when the names in the directory are durable as they are now. */
  sync(): Promise<void> {
    return this.#names.run();
  }

  /** The message is durable when it resolves. After an error it is not there. `bytes`: its file. */
  async put(message: ReceivedMessage, bytes: Uint8Array): Promise<Kept> {
    const name = String(this.#next++).padStart(nameDigits, '0');
    const path = this.#path(name);
    try {
      await this.#write(path, bytes);
      await this.#names.run();
    } catch (error) {
      await this.#disk.remove(path).catch(() => undefined);
      throw error;
    }
    return keptOf(name, message, bytes);
  }

  /** Null: it is damaged. */
  async read({ name }: Kept): Promise<ReceivedMessage | null> {
    const bytes = await this.#inTurn(() => this.#bytesOf(this.#path(name)));
    const message = decodeMessageFile(bytes);
    if (message === null) this.#damage(name, 'its digest is another');
    return message;
  }

  /** It will not come back when this has resolved. */
  async remove({ name }: Kept): Promise<void> {
    await this.#disk.remove(this.#path(name));
    await this.#names.run();
  }

  async #examine(name: string): Promise<Kept | null> {
    try {
      const bytes = await this.#bytesOf(this.#path(name));
      const message = decodeMessageFile(bytes);
      if (message !== null) return keptOf(name, message, bytes);
      this.#damage(name, 'it is not whole');
      await this.#disk.remove(this.#path(name));
    } catch (error) {
      this.#damage(name, messageOf(error));
    }
    return null;
  }

  /** A few at a time: each takes as much memory as the message is long. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    while (this.#reading >= readsAtATime) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#reading++;
    try {
      return await work();
    } finally {
      this.#reading--;
      this.#waiting.shift()?.();
    }
  }

  #damage(name: string, why: string): void {
    this.damaged++;
    this.#log.warn('inbox-message-damaged', { name, why });
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.open(path, 'create');
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await closed(file);
    }
  }

  async #bytesOf(path: string): Promise<Uint8Array> {
    const file = await this.#disk.open(path, 'read-only');
    try {
      const bytes = new Uint8Array(await file.size());
      const count = await file.read(bytes, 0);
      return bytes.subarray(0, count);
    } finally {
      await closed(file);
    }
  }

  #path(name: string): string {
    return `${this.#directory}/${name}`;
  }
}

function keptOf(name: string, { payload, ...rest }: ReceivedMessage, bytes: Uint8Array): Kept {
  const topic = Uint8Array.from(rest.topic);
  return { ...rest, topic, name, identity: identityOf(bytes), payloadBytes: payload.length };
}

/** Whether the close itself succeeds changes nothing: what matters has been synced or read before. */
async function closed(file: DiskFile): Promise<void> {
  await file.close().catch((error: unknown) => {
    if (!isAgentError(error)) throw error;
  });
}
