import type { Env, PublicKey } from '#kernel';
import type { AnnouncedMessage, Overlay, ReceivedMessage } from '#overlay';
import type { Ring } from '#ring';
import { Arriving } from './arriving.ts';
import { filesFrameLimit, filesTopic, openFilesFrame } from './frame.ts';
import { Leaving } from './leaving.ts';
import type { Files, FilesCounters, FilesOptions, NewTransfer, Transfer } from './types.ts';

export interface FilesPorts {
  readonly env: Env;
  readonly overlay: Overlay;
  readonly ring: Ring;
}

/** File transfers: see frame.ts for the conversation, Sending and Receiving for the two ends, tree.ts for what is right. */
export function createFiles(ports: FilesPorts, options: FilesOptions): Files {
  return new FileTransfers(ports, options);
}

class FileTransfers implements Files {
  readonly topic = new TextEncoder().encode(filesTopic);
  readonly counters: FilesCounters = {
    unknownSender: 0,
    misdirected: 0,
    malformed: 0,
    wrongPieces: 0,
    shed: 0,
    refusedOffers: 0,
    sentPieces: 0,
    receivedPieces: 0,
    sent: 0,
    received: 0,
  };
  readonly #self: PublicKey;
  readonly #options: FilesOptions;
  readonly #leaving: Leaving;
  readonly #arriving: Arriving;
  #started = false;

  constructor(ports: FilesPorts, options: FilesOptions) {
    this.#self = ports.overlay.publicKey;
    this.#options = options;
    const shared = { ...ports, topic: this.topic, counters: this.counters, event: options.event ?? (() => {}) };
    this.#leaving = new Leaving(shared, options.directory);
    this.#arriving = new Arriving(shared, options);
  }

  start(): void {
    this.#started = true;
    void this.#arriving.start();
    void this.#leaving.start();
  }

  async stop(): Promise<void> {
    this.#started = false;
    await Promise.all([this.#leaving.stop(), this.#arriving.stop()]);
  }

  admits(announced: AnnouncedMessage): boolean {
    if (!this.#owns(announced.topic) || announced.isReply) return false;
    if (announced.lengthBytes <= filesFrameLimit && this.#knows(announced.from)) return true;
    this.counters.unknownSender++;
    return false;
  }

  receive(message: ReceivedMessage): boolean {
    if (!this.#owns(message.topic)) return false;
    if (!this.#started) return true;
    const frame = openFilesFrame(message.payload);
    if (!this.#knows(message.from)) this.counters.unknownSender++;
    else if (frame === null) this.counters.malformed++;
    else if (frame.course.from !== message.from || frame.course.to !== this.#self) this.counters.misdirected++;
    else if (frame.kind === 'answer') this.#leaving.receive(frame);
    else this.#arriving.receive(frame);
    return true;
  }

  send(what: NewTransfer): Promise<Transfer> {
    return this.#leaving.send(what);
  }

  cancel(id: string): boolean {
    return this.#leaving.cancel(id) || this.#arriving.cancel(id);
  }

  transfers(): readonly Transfer[] {
    return [...this.#leaving.transfers(), ...this.#arriving.transfers()];
  }

  #knows(from: PublicKey): boolean {
    return this.#options.knows(from) || this.#leaving.goesTo(from);
  }

  #owns(topic: Uint8Array): boolean {
    return Buffer.compare(topic, this.topic) === 0;
  }
}
