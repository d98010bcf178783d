import type { Disk } from '#kernel';
import { AgentError } from '#kernel';
import { imageOf, type Ring } from '#ring';
import { archiveOf, type Entry } from './archive.ts';

const pieceBytes = 256 * 1024;
/** Beside the ring: plain messages that wait for a reader, and records that were set aside. */
export const backedUp = ['inbox', 'set-aside'] as const;

/** What a running agent gives of its state: all but its keys and its configuration. */
export const backupOfRunning = (disk: Disk, data: string, ring: Ring): AsyncGenerator<Buffer> =>
  archiveOf(entriesOfRunning(disk, data, ring));

async function* entriesOfRunning(disk: Disk, data: string, ring: Ring): AsyncGenerator<Entry> {
  for await (const part of imageOf(disk, `${data}/ring`, ring.keys, () => ring.checkpoint())) {
    if (part.kind === 'again') yield { kind: 'again', path: 'ring' };
    else yield { kind: 'bytes', path: `ring/${part.name}`, offset: part.offset, bytes: part.bytes };
  }
  yield* besides(disk, data);
}

/** The state of an agent that does not run; the caller holds the directory's lock. */
export async function* entriesOfStopped(disk: Disk, data: string): AsyncGenerator<Entry> {
  for (const name of await disk.list(`${data}/ring`)) {
    if (name === 'ring.log' || /^checkpoint-\d{12}$/.test(name)) yield* fileEntries(disk, data, `ring/${name}`);
  }
  yield* besides(disk, data);
}

async function* besides(disk: Disk, data: string): AsyncGenerator<Entry> {
  for (const directory of backedUp) {
    for (const name of await disk.list(`${data}/${directory}`)) {
      if (/^[\w-]+(\.[\w-]+)*$/.test(name)) yield* fileEntries(disk, data, `${directory}/${name}`);
    }
  }
}

/** A file, without its zeros. One that has gone meanwhile was taken, and is left out. */
export async function* fileEntries(disk: Disk, data: string, path: string): AsyncGenerator<Entry> {
  const file = await disk.open(`${data}/${path}`, 'read-only').catch((error: unknown) => {
    if (error instanceof AgentError && error.code === 'disk/not-found') return null;
    throw error;
  });
  if (file === null) return;
  try {
    for (let offset = 0; ; ) {
      const bytes = Buffer.allocUnsafeSlow(pieceBytes);
      const length = await file.read(bytes, offset);
      const piece = bytes.subarray(0, length);
      if (offset === 0 || piece.some((byte) => byte !== 0)) yield { kind: 'bytes', path, offset, bytes: piece };
      if (length === 0) return;
      offset += length;
    }
  } finally {
    await file.close();
  }
}
