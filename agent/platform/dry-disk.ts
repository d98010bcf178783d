import { type Disk, type DiskFile, isAgentError } from '#kernel';

/** A disk that is read and never changed: whatever is written is dropped. For looking at a ring without an agent. */
export function dryDisk(disk: Disk): Disk {
  return {
    open: (path, how) => openDry(disk, path, how === 'create'),
    rename: async () => undefined,
    remove: async () => undefined,
    list: (directory) => disk.list(directory),
    makeDirectory: async () => undefined,
    syncDirectory: async () => undefined,
    lock: (path) => disk.lock(path),
    allocate: (bytes) => disk.allocate(bytes),
  };
}

async function openDry(disk: Disk, path: string, create: boolean): Promise<DiskFile> {
  try {
    return dryFile(await disk.open(path, 'read-only'));
  } catch (error) {
    if (create && isAgentError(error, 'disk/not-found')) return emptyFile;
    throw error;
  }
}

const dryFile = (file: DiskFile): DiskFile => ({
  size: () => file.size(),
  read: (into, position) => file.read(into, position),
  write: async () => undefined,
  sync: async () => undefined,
  writeDurably: async () => undefined,
  truncate: async () => undefined,
  close: () => file.close(),
});

const emptyFile: DiskFile = {
  size: async () => 0,
  read: async () => 0,
  write: async () => undefined,
  sync: async () => undefined,
  writeDurably: async () => undefined,
  truncate: async () => undefined,
  close: async () => undefined,
};
