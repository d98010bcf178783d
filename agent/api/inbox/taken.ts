import { type Disk, type DiskFile, isAgentError, type Log, messageOf, type PublicKey, pageBytes } from '#kernel';
import { SharedWork } from './shared-work.ts';
import { decodeTakenSlot, encodeTakenSlot, slotBytes, type TakenSlot } from './taken-slot.ts';

export interface TakenLimits {
  readonly ofSender: number;
  readonly all: number;
}

/** 512 KiB on disk when full. */
const limitsOfTaken: TakenLimits = { ofSender: 1024, all: 16_384 };

interface Entry extends TakenSlot {
  readonly place: number;
}

/**
 * Which messages were taken, also after a power cut, so that a sender that was never told and sends again is told and
 * nobody gets the message twice. At the limit a sender's oldest is forgotten, then the oldest of all. Slots of one file
 * are written in place, a page at a time; a torn page is harmless, for no slot crosses the 512 bytes that tear.
 */
export class Taken {
  readonly #disk: Disk;
  readonly #log: Log;
  readonly #path: string;
  readonly #named: () => Promise<void>;
  readonly #limits: TakenLimits;
  /** Oldest first, as those of each sender. */
  readonly #entries = new Map<string, Entry>();
  readonly #ofSender = new Map<string, Set<string>>();
  #image = new Uint8Array(0);
  #freePlaces: number[] = [];
  #places = 0;
  #sequence = 0;
  #changedPages = new Set<number>();
  #isNamed = false;
  readonly #writing = new SharedWork(() => this.#write());
  forgotten = 0;
  /** Not on disk when their readers got them: known until the next restart, unless a later write goes well. */
  unrecorded = 0;

  /** `named`: makes the names in the file's directory durable. */
  constructor(
    { disk, log }: { readonly disk: Disk; readonly log: Log },
    path: string,
    named: () => Promise<void>,
    limits: TakenLimits = limitsOfTaken,
  ) {
    this.#disk = disk;
    this.#log = log;
    this.#path = path;
    this.#named = named;
    this.#limits = limits;
  }

  /** Finds what the last run recorded. */
  async open(): Promise<void> {
    const found = await this.#load();
    this.#places = Math.min(this.#limits.all, this.#image.length / slotBytes);
    const isFree = new Set(Array.from({ length: this.#places }, (_, place) => place));
    for (const entry of found.sort((a, b) => a.sequence - b.sequence)) {
      this.#sequence = entry.sequence;
      if (this.#entries.has(entry.identity)) continue;
      isFree.delete(entry.place);
      this.#enter(entry);
    }
    this.#freePlaces = [...isFree].reverse();
  }

  has(identity: string): boolean {
    return this.#entries.has(identity);
  }

  /** Durable when it resolves; if the disk does not take it, that is counted, and the reader gets its message all the same. */
  async add(from: PublicKey, identity: string): Promise<void> {
    const entry = this.#entries.get(identity) ?? this.#remember(from.slice(0, 16), identity);
    this.#changedPages.add(Math.floor((entry.place * slotBytes) / pageBytes));
    try {
      await this.#writing.run();
    } catch (error) {
      if (!isAgentError(error)) throw error;
      this.unrecorded++;
      this.#log.warn('inbox-taken-unrecorded', { why: messageOf(error) });
    }
  }

  #remember(sender: string, identity: string): Entry {
    const place = this.#freePlace(sender);
    const entry = { sequence: ++this.#sequence, sender, identity, place };
    this.#growTo((place + 1) * slotBytes);
    encodeTakenSlot(entry, this.#image, place * slotBytes);
    this.#enter(entry);
    return entry;
  }

  #freePlace(sender: string): number {
    const own = this.#ofSender.get(sender);
    if (own !== undefined && own.size >= this.#limits.ofSender) return this.#forgetFirst(own);
    if (this.#entries.size >= this.#limits.all) return this.#forgetFirst(this.#entries.keys());
    return this.#freePlaces.pop() ?? this.#places++;
  }

  #forgetFirst(identities: Iterable<string>): number {
    for (const identity of identities) {
      const entry = this.#entries.get(identity);
      if (entry === undefined) continue;
      this.#leave(entry);
      this.forgotten++;
      return entry.place;
    }
    throw new Error('bug: nothing to forget');
  }

  #enter(entry: Entry): void {
    this.#entries.set(entry.identity, entry);
    const own = this.#ofSender.get(entry.sender) ?? new Set();
    own.add(entry.identity);
    this.#ofSender.set(entry.sender, own);
  }

  #leave({ identity, sender }: Entry): void {
    this.#entries.delete(identity);
    const own = this.#ofSender.get(sender);
    own?.delete(identity);
    if (own?.size === 0) this.#ofSender.delete(sender);
  }

  #growTo(bytes: number): void {
    if (bytes <= this.#image.length) return;
    const grown = new Uint8Array(Math.ceil(bytes / pageBytes) * pageBytes);
    grown.set(this.#image);
    this.#image = grown;
  }

  /** Pages that a failed write may have left as they were are written with the next. */
  async #write(): Promise<void> {
    const pages = [...this.#changedPages];
    this.#changedPages = new Set();
    try {
      await this.#through('create', async (file) => {
        for (const page of pages) {
          const at = page * pageBytes;
          await file.writeDurably(this.#image.slice(at, at + pageBytes), at);
        }
      });
      if (!this.#isNamed) await this.#named();
      this.#isNamed = true;
    } catch (error) {
      for (const page of pages) this.#changedPages.add(page);
      throw error;
    }
  }

  /** What cannot be read is as good as forgotten: messages still come in and go out. */
  async #load(): Promise<Entry[]> {
    try {
      await this.#through('read-only', async (file) => {
        this.#growTo(Math.min(await file.size(), this.#limits.all * slotBytes));
        await file.read(this.#image, 0);
      });
    } catch (error) {
      if (!isAgentError(error)) throw error;
      if (error.code !== 'disk/not-found') this.#log.warn('inbox-taken-unreadable', { why: messageOf(error) });
    }
    const found: Entry[] = [];
    const image = Buffer.from(this.#image.buffer, this.#image.byteOffset, this.#image.length);
    for (let place = 0; (place + 1) * slotBytes <= image.length; place++) {
      const slot = decodeTakenSlot(image.subarray(place * slotBytes, (place + 1) * slotBytes));
      if (slot !== null) found.push({ ...slot, place });
    }
    return found;
  }

  async #through(how: 'create' | 'read-only', work: (file: DiskFile) => Promise<void>): Promise<void> {
    const file = await this.#disk.open(this.#path, how);
    try {
      await work(file);
    } finally {
      await file.close();
    }
  }
}
