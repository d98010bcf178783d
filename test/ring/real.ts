import type { Disk, DiskFile, Env } from '#kernel';
import { systemClock } from '../../agent/platform/clock.ts';
import { systemDisk } from '../../agent/platform/disk.ts';
import { systemRandom } from '../../agent/platform/random.ts';
import { type Line, listLog } from './bench.ts';

/** The real clock, chance and disk, with the log in a list. */
export function realEnv(lines: Line[] = [], disk: Disk = systemDisk()): Env {
  return { clock: systemClock(), random: systemRandom(), disk, net: undefined as never, log: listLog(lines) };
}

/** The negative control: a disk whose syncs say yes and do nothing. */
export function unsyncedDisk(): Disk {
  const disk = systemDisk();
  const unsynced = (file: DiskFile): DiskFile => ({
    ...file,
    sync: async () => undefined,
    writeDurably: (from, position) => file.write(from, position),
  });
  return {
    ...disk,
    open: async (path, how) => unsynced(await disk.open(path, how)),
    syncDirectory: async () => undefined,
  };
}
