import type { PublicKey } from '#kernel';
import type { AnnouncedMessage, ReceivedMessage } from '#overlay';

export interface FilesLimits {
  /** What files that come in, and those that came and still lie there, may take together. */
  readonly totalBytes: number;
  /** More that come in at a time wait. */
  readonly atOnce: number;
}

export interface FilesOptions {
  /** The agent's data directory: `incoming`, `outgoing` and `files` are below it. */
  readonly directory: string;
  readonly limits: FilesLimits;
  /** May this node talk of files at all? Asked before a byte of a frame is kept. */
  readonly knows: (from: PublicKey) => boolean;
  /** The largest file that this node may send here on that topic; 0: none. */
  readonly mayBring: (from: PublicKey, topic: string) => number;
  /** What this node is called here: the directory of its files. */
  readonly nameOf: (from: PublicKey) => string;
  /** A file is durable in its place. Told once, or again after a crash in between. */
  readonly arrived: (file: ArrivedFile) => void;
  readonly event?: (event: FilesEvent) => void;
}

export interface ArrivedFile {
  readonly id: string;
  readonly from: PublicKey;
  readonly topic: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** Hex of the root of its hash tree (tree.ts). */
  readonly root: string;
}

export type TransferState =
  /** out: its hash tree is being made. */
  | 'hashing'
  /** out: offered, no answer yet. in: known, its sender has not spoken since the start. */
  | 'offering'
  | 'flowing'
  /** The receiving end is not ready: `why`. */
  | 'waiting'
  | 'done'
  | 'refused'
  | 'cancelled'
  | 'failed';

export interface Transfer {
  readonly id: string;
  readonly direction: 'out' | 'in';
  readonly peer: PublicKey;
  readonly topic: string;
  readonly name: string;
  /** out: what is sent. in: where it lies once it is done. */
  readonly path: string | null;
  readonly sizeBytes: number;
  /** Written at the far end, or here; while hashing, what is hashed. */
  readonly doneBytes: number;
  /** Pieces that went out or came in since the start, and repeated or useless ones among them. */
  readonly pieces: number;
  readonly bytesPerSecond: number | null;
  readonly state: TransferState;
  readonly why: string | null;
  readonly root: string | null;
}

export type FilesEvent =
  | { readonly kind: 'file-progress'; readonly transfer: Transfer }
  | { readonly kind: 'file-sent' | 'file-received' | 'file-ended'; readonly transfer: Transfer };

/** Monotonic counts, named as in /metrics without the `hypha_files_` prefix. */
export interface FilesCounters {
  unknownSender: number;
  misdirected: number;
  malformed: number;
  /** Pieces that are not of the file that was offered. */
  wrongPieces: number;
  /** Pieces that were not wanted (again, too far on, no room). */
  shed: number;
  refusedOffers: number;
  sentPieces: number;
  receivedPieces: number;
  sent: number;
  received: number;
}

export interface NewTransfer {
  readonly to: PublicKey;
  /** Absolute. */
  readonly path: string;
  readonly name: string;
  readonly topic: string;
}

/** Files from disk to disk over the overlay: any size, in constant memory, going on where they were after any restart. */
export interface Files {
  readonly topic: Uint8Array;
  admits(announced: AnnouncedMessage): boolean;
  /** False: somebody else's message. */
  receive(message: ReceivedMessage): boolean;
  /** Durable when it resolves. `disk/…` when the file cannot be read, `files/too-many`, `files/too-large`, `files/ring`. */
  send(what: NewTransfer): Promise<Transfer>;
  /** Ends it, and tells the far end when it can. False: there is none such under way. */
  cancel(id: string): boolean;
  transfers(): readonly Transfer[];
  readonly counters: Readonly<FilesCounters>;
  start(): void;
  stop(): Promise<void>;
}
