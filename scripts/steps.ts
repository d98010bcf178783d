import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../', import.meta.url));

/** One line of shell that is right or wrong as a whole. */
export interface Step {
  readonly name: string;
  readonly command: string;
}

export interface Outcome {
  readonly passed: boolean;
  readonly output: string;
  readonly ms: number;
}

/** The `check:…` scripts of package.json, so that each also runs alone: `npm run check:laws`. */
export function checkSteps(): Step[] {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> };
  return Object.entries(scripts)
    .filter(([name]) => name.startsWith('check:'))
    .map(([name, command]) => ({ name: name.slice('check:'.length), command }));
}

/** Runs the steps, as many at once as there are cores, printing a line each and the output of those that fail. */
export async function runSteps(steps: readonly Step[]): Promise<{ passed: number; failed: number }> {
  const waiting = [...steps];
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const outcome = await runStep(step, (text) => text);
      if (!outcome.passed) failed++;
      report(step, outcome);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return { passed: steps.length - failed, failed };
}

export function report(step: Step, outcome: Outcome): void {
  console.log(`${outcome.passed ? 'ok    ' : 'FAILED'} ${step.name}  ${(outcome.ms / 1000).toFixed(1)} s`);
  if (!outcome.passed) console.log(outcome.output.trimEnd());
}

/** `seen` gets each piece of output as it comes. */
export function runStep(step: Step, seen: (text: string) => unknown): Promise<Outcome> {
  const started = performance.now();
  const path = [dirname(process.execPath), `${root}node_modules/.bin`, process.env['PATH'] ?? ''].join(':');
  const child = spawn('sh', ['-c', step.command], {
    cwd: root,
    env: { ...process.env, PATH: path, FORCE_COLOR: '0', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pieces: string[] = [];
  const take = (bytes: Buffer): void => {
    pieces.push(bytes.toString());
    seen(bytes.toString());
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ passed: code === 0, output: pieces.join(''), ms: performance.now() - started });
    });
  });
}
