import type { ByteLink } from '#kernel';
import type { Slabs } from './slabs.ts';

export interface OutboxOptions {
  /** Beyond this many bytes on their way, data packets are dropped: messages resend what matters. */
  readonly dataLimitBytes: number;
  /** Beyond this the messages of this node wait for the link, so that others' packets and theirs are not dropped. */
  readonly ownLimitBytes: number;
  /** Beyond this the far side does not read at all: the link is given up. */
  readonly controlLimitBytes: number;
}

export const defaultOutboxOptions: OutboxOptions = {
  dataLimitBytes: 2 * 1024 * 1024,
  ownLimitBytes: 1024 * 1024,
  controlLimitBytes: 3 * 1024 * 1024,
};

/** What a tick has to say is most often no longer. */
const smallBytes = 2048;
const nothing = Buffer.alloc(0);

/**
 * Gathers what one tick has to say on a link into one write (into several when it is long), and bounds what waits. Frames
 * are copied as they come: their memory is the caller's again at once.
 */
export class Outbox {
  readonly #link: ByteLink;
  readonly #options: OutboxOptions;
  readonly #slabs: Slabs;
  readonly #soon: (run: () => void) => void;
  readonly #wrote: (bytes: number) => void;
  /** A small one, or a slab. */
  #gathered: Buffer = nothing;
  #gatheredBytes = 0;
  /** Written within the present call. */
  #writtenBytes = 0;
  #planned = false;
  #closed = false;

  constructor(
    link: ByteLink,
    options: OutboxOptions,
    slabs: Slabs,
    soon: (run: () => void) => void,
    wrote: (bytes: number) => void,
  ) {
    this.#link = link;
    this.#options = options;
    this.#slabs = slabs;
    this.#soon = soon;
    this.#wrote = wrote;
  }

  get waitingBytes(): number {
    return this.#gatheredBytes + this.#link.queuedBytes;
  }

  /** For what this node itself has to send. */
  get hasRoom(): boolean {
    return this.waitingBytes < this.#options.ownLimitBytes;
  }

  /** False: dropped, too much waits already. */
  data(frame: Uint8Array): boolean {
    if (this.#closed || this.waitingBytes + frame.length > this.#options.dataLimitBytes) return false;
    this.#push(frame);
    return true;
  }

  /** False: the link is beyond hope. */
  control(frame: Uint8Array): boolean {
    if (this.#closed || this.waitingBytes + frame.length > this.#options.controlLimitBytes) return false;
    this.#push(frame);
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#letGo();
  }

  /** Writes what is gathered; plans itself once a tick. */
  flush(): void {
    this.#planned = false;
    this.#write();
    this.#tell();
  }

  #push(frame: Uint8Array): void {
    let at = 0;
    while (at < frame.length) {
      this.#makeRoom(frame.length - at);
      const size = Math.min(frame.length - at, this.#gathered.length - this.#gatheredBytes);
      this.#gathered.set(
        at === 0 && size === frame.length ? frame : frame.subarray(at, at + size),
        this.#gatheredBytes,
      );
      this.#gatheredBytes += size;
      at += size;
      if (this.#gatheredBytes === this.#gathered.length && this.#gatheredBytes > smallBytes) this.#write();
    }
    this.#tell();
    if (this.#planned || this.#gatheredBytes === 0) return;
    this.#planned = true;
    this.#soon(() => this.flush());
  }

  /** A slab in place of a small one that is full, or when it is clear that it will be. */
  #makeRoom(bytes: number): void {
    if (this.#gathered.length > smallBytes || this.#gatheredBytes + bytes <= this.#gathered.length) return;
    const isSmall = this.#gatheredBytes + bytes <= smallBytes;
    const wider = isSmall ? Buffer.allocUnsafe(smallBytes) : this.#slabs.take();
    wider.set(this.#gathered.subarray(0, this.#gatheredBytes));
    this.#gathered = wider;
  }

  #write(): void {
    if (this.#gatheredBytes === 0) return;
    const [gathered, bytes] = [this.#gathered, this.#gatheredBytes];
    this.#gathered = nothing;
    this.#gatheredBytes = 0;
    this.#writtenBytes += bytes;
    if (gathered.length > smallBytes) this.#writeSlab(gathered, bytes);
    else this.#link.write(gathered.subarray(0, bytes));
  }

  /** A little is written from memory of its own: a link that does not get on must not hold slabs. */
  #writeSlab(slab: Buffer, bytes: number): void {
    if (bytes * 8 >= slab.length) {
      this.#link.write(slab.subarray(0, bytes), () => this.#slabs.giveBack(slab));
      return;
    }
    this.#link.write(Buffer.from(slab.subarray(0, bytes)));
    this.#slabs.giveBack(slab);
  }

  /** What is told may make more to write: only between frames. */
  #tell(): void {
    const bytes = this.#writtenBytes;
    this.#writtenBytes = 0;
    if (bytes > 0) this.#wrote(bytes);
  }

  #letGo(): void {
    if (this.#gathered.length > smallBytes) this.#slabs.giveBack(this.#gathered);
    this.#gathered = nothing;
    this.#gatheredBytes = 0;
  }
}
