import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { Finding } from './fuzz/loop.ts';
import type { Target } from './fuzz/target.ts';
import type { Job } from './fuzz/worker.ts';

/**
 * `npm run fuzz -- [--seconds 60] [--target NAME] [--seed N]`: a coverage-guided fuzzer for the decoders. The seconds are
 * shared among the targets of test/fuzz/targets.ts (or `--targets FILE`), two at a time. A finding is written to .build/fuzz
 * and makes the exit code 1.
 */
interface Report {
  readonly runs: number;
  readonly covered: number;
  readonly corpus: number;
  readonly places: number;
  readonly finding: Finding | null;
}

const hangMs = 5000;
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string' },
    targets: { type: 'string', default: 'test/fuzz/targets.ts' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const targetsUrl = new URL(`../${values.targets}`, import.meta.url).href;
const { targets } = (await import(targetsUrl)) as { targets: readonly Target[] };
const build = fileURLToPath(new URL('../.build/fuzz/', import.meta.url));
const chosen = targets.filter((target) => values.target === undefined || target.name === values.target);
if (chosen.length === 0) {
  console.error(`fuzz: ${values.target ?? 'none'} found, wanted one of ${targets.map((each) => each.name).join(', ')}`);
  process.exit(2);
}
const forMs = (Number(values.seconds) * 1000) / chosen.length;
console.log(`seed ${values.seed}, ${chosen.length} targets, ${(forMs / 1000).toFixed(1)} s each`);

const waiting = [...chosen];
await Promise.all([lane(), lane()]);

async function lane(): Promise<void> {
  for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
    const report = await fuzz(target.name);
    const rate = Math.round(report.runs / (forMs / 1000));
    console.log(
      `${target.name}: ${report.runs} runs (${rate}/s), ${report.corpus} kept, ${report.covered} ways through ${report.places} places`,
    );
    if (report.finding !== null) show(target.name, report.finding);
  }
}

function fuzz(target: string): Promise<Report> {
  const current = new SharedArrayBuffer(8 + (1 << 20));
  const corpusPath = `${build}${target}`;
  const job: Job = { target, targetsUrl, seed: Number(values.seed), forMs, corpusPath, current };
  const worker = new Worker(new URL('./fuzz/worker.ts', import.meta.url), {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  return new Promise((resolve) => {
    const stop = (report: Report): void => {
      clearInterval(watch);
      resolve(report);
      void worker.terminate();
    };
    const failed = (why: string): void => {
      const [runs = 0, length = 0] = new Uint32Array(current, 0, 2);
      const bytes = new Uint8Array(current, 8, length).slice();
      stop({ runs, covered: 0, corpus: 0, places: 0, finding: { bytes, why } });
    };
    let last = -1;
    const watch = setInterval(() => {
      const [runs = 0] = new Uint32Array(current, 0, 1);
      if (runs === last && runs > 0) failed(`no end within ${hangMs} ms`);
      last = runs;
    }, hangMs);
    worker.on('message', stop);
    worker.on('error', (error) => failed(error.stack ?? error.message));
  });
}

function show(target: string, finding: Finding): void {
  const bytes = Buffer.from(finding.bytes);
  const name = `finding-${target}-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`;
  mkdirSync(build, { recursive: true });
  writeFileSync(`${build}${name}`, bytes);
  console.log(`FOUND in ${target}: ${finding.why}\n  .build/fuzz/${name}: ${bytes.toString('hex').slice(0, 2000)}`);
  process.exitCode = 1;
}
