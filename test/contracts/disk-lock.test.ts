import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { systemDisk } from '../../agent/platform/disk.ts';

const script = `
  const { systemDisk } = await import(${JSON.stringify(new URL('../../agent/platform/disk.ts', import.meta.url).href)});
  try {
    await systemDisk().lock(process.argv[1]);
    console.log('held');
    setInterval(() => undefined, 1000);
  } catch (error) {
    console.log(error.code);
  }
`;

/** A process that takes the lock and keeps it; what it said, and how to kill it. */
async function holder(path: string): Promise<{ said: string; kill: () => Promise<void> }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await once(child.stdout, 'data');
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { said: String(said).trim(), kill };
}

test('a lock outlives its holder by nothing: after SIGKILL it is free, before it is not', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'hypha-lock-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const path = join(root, 'lock');
  const first = await holder(path);
  t.is(first.said, 'held');
  await t.throwsAsync(systemDisk().lock(path), { code: 'disk/locked', message: /held by process \d+/ });
  await first.kill();
  const lock = await systemDisk().lock(path);
  await lock.release();
});

test('of many that want the lock of a dead holder at once, one gets it', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'hypha-lock-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const path = join(root, 'lock');
  for (let turn = 0; turn < 2; turn++) {
    const rivals = await Promise.all(Array.from({ length: 5 }, () => holder(path)));
    t.deepEqual(rivals.map(({ said }) => said).sort(), [
      'disk/locked',
      'disk/locked',
      'disk/locked',
      'disk/locked',
      'held',
    ]);
    await Promise.all(rivals.map(({ kill }) => kill()));
  }
});
