/**
 * The disk as a port. All errors are `AgentError`s with a code of `DiskCode`. Nothing is durable before `sync` (file
 * content and size) and `syncDirectory` (names) have returned; a write that was not synced may be lost or torn at any
 * 512-byte boundary by a power cut. After a failed `sync` nothing is known about the pages written since the last one.
 */
export interface Disk {
  /** `create` makes the file or opens it if it is there; `open` wants it to be there. Read and write. */
  open(path: string, how: 'open' | 'create' | 'read-only'): Promise<DiskFile>;
  /** Replaces `to` if it is there; atomic, durable after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** No error if it is not there. */
  remove(path: string): Promise<void>;
  /** Names in the directory, sorted; empty if there is no such directory. */
  list(directory: string): Promise<string[]>;
  /** Makes the directory and its parents (mode 0700). */
  makeDirectory(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** Exclusive for this process until released or dead. `disk/locked` names the holder. */
  lock(path: string): Promise<DiskLock>;
  /** A zeroed buffer fit for `write`: page-aligned where the platform can. */
  allocate(bytes: number): Uint8Array;
}

export interface DiskFile {
  size(): Promise<number>;
  /** Bytes read, short at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `from`, which must not change until the promise settles. */
  write(from: Uint8Array, position: number): Promise<void>;
  sync(): Promise<void>;
  /**
   * `write`, and these bytes are durable when it returns, in one step; what was written before is not thereby. After an
   * error nothing is known about their pages.
   */
  writeDurably(from: Uint8Array, position: number): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export interface DiskLock {
  release(): Promise<void>;
}

/** Codes of disk errors. */
export type DiskCode =
  | 'disk/no-space'
  | 'disk/read-only'
  | 'disk/io'
  | 'disk/not-found'
  | 'disk/denied'
  | 'disk/locked';

/** Bytes that must be on one page to be torn together or not at all; every durable write is a multiple of it. */
export const pageBytes = 4096;
