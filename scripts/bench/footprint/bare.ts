import { type ChildProcess, spawn } from 'node:child_process';

/** Node itself, doing nothing: the floor under every figure. */
export interface BareNode {
  readonly child: ChildProcess;
  /** From spawn to its first line. */
  readonly firstLineMs: number;
}

export function bareNode(): Promise<BareNode> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['-e', "console.log('ready'); setInterval(() => {}, 1000000)"], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stdout?.once('data', () => resolve({ child, firstLineMs: performance.now() - startedAt }));
  });
}
