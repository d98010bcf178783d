import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentError, messageOf } from '#kernel';

/** Small secret files: mode 0600 and nothing looser. Errors: `key/loose`, `key/io`. */
export interface KeyFiles {
  /** Null when there is no such file. `key/loose` when others than the owner may read or write it. */
  read(path: string): Promise<Uint8Array | null>;
  /** Atomic and durable; the directory must exist. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Atomic only: for what is worth nothing after a power cut, and not worth two syncs before. */
  place(path: string, bytes: Uint8Array): Promise<void>;
}

/** More than any key needs: a wrong path is not read into memory. */
const limitBytes = 65_536;

export const keyFiles: KeyFiles = {
  read,
  write: (path, bytes) => put(path, bytes, true),
  place: (path, bytes) => put(path, bytes, false),
};

async function read(path: string): Promise<Uint8Array | null> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw asKeyError(path, error);
  });
  if (file === null) return null;
  try {
    return await readOwnersOnly(path, file);
  } finally {
    await file.close();
  }
}

async function readOwnersOnly(path: string, file: FileHandle): Promise<Uint8Array> {
  const { mode, size } = await file.stat();
  if ((mode & 0o077) !== 0) {
    const found = (mode & 0o777).toString(8).padStart(4, '0');
    throw new AgentError(
      'key/loose',
      'reconfigure',
      `${path}: found mode ${found}, wanted 0600; run: chmod 600 ${path}`,
    );
  }
  if (size > limitBytes) {
    throw new AgentError(
      'key/io',
      'reconfigure',
      `${path}: found ${size} bytes, wanted a key of at most ${limitBytes}`,
    );
  }
  return file.readFile();
}

async function put(path: string, bytes: Uint8Array, durable: boolean): Promise<void> {
  const draft = `${path}.new`;
  try {
    await rm(draft, { force: true });
    await writeNew(draft, bytes, durable);
    await rename(draft, path);
    if (durable) await syncDirectory(dirname(path));
  } catch (error) {
    throw asKeyError(path, error);
  }
}

async function writeNew(path: string, bytes: Uint8Array, durable: boolean): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(bytes);
    if (durable) await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

const asKeyError = (path: string, error: unknown): AgentError =>
  new AgentError('key/io', 'reconfigure', `${path}: ${messageOf(error)}`, error);
