import { spawnSync } from 'node:child_process';

export interface Memory {
  readonly perPeer: number;
  readonly perRoute: number;
  readonly perThousandWaiting: number;
}

/** Bytes of heap and buffers after a collection, measured in a process of its own. */
export function measureMemory(): Memory {
  const program = new URL('held.ts', import.meta.url).pathname;
  const { stdout, status } = spawnSync(process.execPath, ['--expose-gc', program], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`memory: ended with ${status}`);
  return JSON.parse(stdout);
}
