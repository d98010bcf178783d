import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** An ext4 on a loop device that nobody else writes to: its diskstats are exact. */
export interface LoopDisk {
  readonly root: string;
  bytesWritten(): number;
  remove(): void;
}

/** Null when this machine does not let us (not root, no loop devices). */
export function loopDisk(sizeMiB: number): LoopDisk | null {
  const base = mkdtempSync(join(tmpdir(), 'hypha-loop-'));
  const image = join(base, 'image');
  const root = join(base, 'fs');
  const run = (command: string, ...args: string[]): string =>
    execFileSync(command, args, { stdio: 'pipe', encoding: 'utf8' });
  try {
    mkdirSync(root);
    run('truncate', '-s', `${sizeMiB}M`, image);
    run('mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image);
    run('mount', '-o', 'loop', image, root);
    const device = basename(run('findmnt', '-n', '-o', 'SOURCE', root).trim());
    return {
      root,
      bytesWritten: () => sectorsWritten(device) * 512,
      remove: () => {
        run('umount', root);
        rmSync(base, { recursive: true, force: true });
      },
    };
  } catch {
    rmSync(base, { recursive: true, force: true });
    return null;
  }
}

/** Field 10 of /proc/diskstats (Documentation/admin-guide/iostats.rst). */
function sectorsWritten(device: string): number {
  const line = readFileSync('/proc/diskstats', 'utf8')
    .split('\n')
    .find((each) => each.split(/\s+/)[3] === device);
  return Number(line?.trim().split(/\s+/)[9] ?? 0);
}
