import type { ByteLink } from '#kernel';

export interface OutboxOptions {
  /** Beyond this many bytes on their way, data packets are dropped: messages resend what matters. */
  readonly dataLimitBytes: number;
  /** Beyond this the messages of this node wait for the link, so that others' packets and theirs are not dropped. */
  readonly ownLimitBytes: number;
  /** Beyond this the far side does not read at all: the link is given up. */
  readonly controlLimitBytes: number;
}

export const defaultOutboxOptions: OutboxOptions = {
  dataLimitBytes: 512 * 1024,
  ownLimitBytes: 256 * 1024,
  controlLimitBytes: 1024 * 1024,
};

/** Gathers what one tick has to say on a link into one write, and bounds what waits. */
export class Outbox {
  readonly #link: ByteLink;
  readonly #options: OutboxOptions;
  readonly #soon: (run: () => void) => void;
  readonly #wrote: (bytes: number) => void;
  #frames: Uint8Array[] = [];
  #gatheredBytes = 0;
  #planned = false;
  #closed = false;

  constructor(link: ByteLink, options: OutboxOptions, soon: (run: () => void) => void, wrote: (bytes: number) => void) {
    this.#link = link;
    this.#options = options;
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
    this.#frames = [];
    this.#gatheredBytes = 0;
  }

  #push(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#gatheredBytes += frame.length;
    if (this.#planned) return;
    this.#planned = true;
    this.#soon(() => this.flush());
  }

  /** One write for all that is gathered; plans itself once a tick. */
  flush(): void {
    this.#planned = false;
    const [first] = this.#frames;
    if (first === undefined) return;
    const bytes = this.#frames.length === 1 ? first : Buffer.concat(this.#frames, this.#gatheredBytes);
    this.#frames = [];
    this.#gatheredBytes = 0;
    this.#wrote(bytes.length);
    this.#link.write(bytes);
  }
}
