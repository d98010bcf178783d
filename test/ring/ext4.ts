import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duration } from '#kernel';
import { openRing } from '#ring';
import { text } from './bench.ts';
import { realEnv } from './real.ts';

/** EXT4_IOC_SHUTDOWN with NOLOGFLUSH (linux/fs/ext4/ext4.h): nothing in memory reaches the device any more. */
const shutdown =
  'import fcntl,os,sys;fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,(2).to_bytes(4,"little"))';

/** A small ext4 on a loop device. */
export interface SmallDisk {
  readonly root: string;
  mount(): void;
  unmount(): void;
  /** The power of the file system fails. */
  cut(): void;
  remove(): void;
}

/** A file system of its own, not mounted; the reason when this machine does not let us. */
export function ext4(megabytes = 64): SmallDisk | string {
  if (process.getuid?.() !== 0) return 'not root';
  const base = mkdtempSync(join(tmpdir(), 'hypha-cut-'));
  const image = join(base, 'image');
  const root = join(base, 'fs');
  const quiet = { stdio: 'pipe' as const };
  const mountOnce = (): void => void execFileSync('mount', ['-o', 'loop', image, root], quiet);
  const unmount = (): void => void execFileSync('umount', [root], quiet);
  const mount = (): void => {
    mountOnce();
    if (isAlive(root)) return;
    // Somebody's mount namespace still holds it as it was cut (`ip netns exec` copies all mounts): go on with a copy.
    unmount();
    execFileSync('cp', ['--sparse=always', image, `${image}.copy`], quiet);
    renameSync(`${image}.copy`, image);
    mountOnce();
  };
  const cut = (): void => void execFileSync('python3', ['-c', shutdown, root], quiet);
  const remove = (): void => rmSync(base, { recursive: true, force: true });
  try {
    mkdirSync(root);
    execFileSync('truncate', ['-s', `${megabytes}M`, image], quiet);
    execFileSync('mkfs.ext4', ['-q', image], quiet);
    mount();
    cut();
    unmount();
  } catch (error) {
    remove();
    return `no loop-mounted ext4 with a shutdown call here: ${String(error).split('\n')[0]}`;
  }
  return { root, mount, unmount, cut, remove };
}

function isAlive(root: string): boolean {
  try {
    mkdirSync(join(root, 'probe'));
    rmdirSync(join(root, 'probe'));
    return true;
  } catch {
    return false;
  }
}

/** Appends for a while, cuts the power of the file system, and kills; the last number that was acknowledged. */
export async function appendUntilCut(
  directory: string,
  start: number,
  mode: string,
  ms: number,
  cut: () => void,
): Promise<number> {
  const script = new URL('writer.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, directory, `${start}`, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let isCut = false;
  let acknowledged = -1;
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      if (output === '') {
        setTimeout(() => {
          cut();
          isCut = true;
          child.kill('SIGKILL');
        }, ms);
      }
      output += chunk;
    });
    child.on('close', () => resolve());
  });
  if (isCut) acknowledged = Number(output.trim().split('\n').at(-1));
  return acknowledged;
}

export interface Found {
  readonly last: number;
  readonly wrong: string[];
}

/** What is there after the cut: every number from `start` on, in order; then all of it is settled. */
export async function inspect(directory: string, start: number): Promise<Found> {
  const options = { directory, sizeBytes: 4 * 1024 * 1024, full: 'drop-oldest' as const, commitWindow: 0 as Duration };
  const ring = await openRing(realEnv(), options);
  const wrong: string[] = [];
  let next = start;
  if (ring.cursors().some(({ name }) => name === 'c')) {
    const cursor = ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
    while (cursor.readable) {
      for (const record of await cursor.read(1000, 1e6)) {
        if (record.kind === 'gap') {
          if (record.reason !== 'full') wrong.push(`gap ${record.reason}`);
          next = Math.max(next, start) + record.count;
        } else {
          const number = Number.parseInt(text(record.body) ?? '', 10);
          if (number !== next) wrong.push(`${number} where ${next} was due`);
          next = number + 1;
        }
        cursor.settle(record.kind === 'gap' ? record.to : record.sequence);
      }
    }
    if (next > 0 && text(ring.state('last')) !== `${next - 1}`)
      wrong.push(`state ${text(ring.state('last'))}, records ${next - 1}`);
  }
  if (ring.status.damagedBatches > 0) wrong.push(`${ring.status.damagedBatches} batches damaged`);
  await ring.close();
  return { last: next - 1, wrong };
}
