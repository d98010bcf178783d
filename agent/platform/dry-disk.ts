import type { Disk, DiskFile } from '#kernel';

/** A disk that is read and never changed: whatever is written is dropped. For looking at a ring without an agent. */
export function dryDisk(disk: Disk): Disk {
  return {
    open: async (path) => dryFile(await disk.open(path, 'read-only')),
    rename: async () => undefined,
    remove: async () => undefined,
    list: (directory) => disk.list(directory),
    makeDirectory: async () => undefined,
    syncDirectory: async () => undefined,
    lock: (path) => disk.lock(path),
    allocate: (bytes) => disk.allocate(bytes),
  };
}

const dryFile = (file: DiskFile): DiskFile => ({
  size: () => file.size(),
  read: (into, position) => file.read(into, position),
  write: async () => undefined,
  sync: async () => undefined,
  truncate: async () => undefined,
  close: () => file.close(),
});
