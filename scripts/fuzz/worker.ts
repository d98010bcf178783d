import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { installTrace } from './coverage.ts';
import { instrumentModules } from './instrument.ts';
import type { Target } from './target.ts';

/** What a worker is started with. `current`: 8 bytes of run number and length, then the input that runs now. */
export interface Job {
  readonly target: string;
  readonly targetsUrl: string;
  readonly seed: number;
  readonly forMs: number;
  readonly corpusPath: string;
  readonly current: SharedArrayBuffer;
}

const job = workerData as Job;
const trace = installTrace();
const { places } = instrumentModules(
  /\/(agent\/[a-z-]+\/|test\/house\/|node_modules\/(mqtt-packet|smol-toml)\/)[^?]*\.(ts|js)$/,
);
const { Fuzzer } = await import('./loop.ts');
const { targets } = (await import(job.targetsUrl)) as { targets: readonly Target[] };
const target = targets.find((each) => each.name === job.target);
if (target === undefined) throw new Error(`fuzz: no target ${job.target}`);

const head = new Uint32Array(job.current, 0, 2);
const body = new Uint8Array(job.current, 8);
const fuzzer = new Fuzzer(target, trace, job.seed, (bytes) => {
  head[1] = Math.min(bytes.length, body.length);
  body.set(bytes.subarray(0, body.length));
  head[0] = (head[0] ?? 0) + 1;
});
const result = await fuzzer.run([...(await target.seeds()), ...earlier()], job.forMs);
save(result.corpus);
const { runs, covered, corpus, finding } = result;
parentPort?.postMessage({ runs, covered, corpus: corpus.length, places: places(), finding });

/** What earlier runs kept. */
function earlier(): Uint8Array[] {
  if (!existsSync(job.corpusPath)) return [];
  return readdirSync(job.corpusPath).map((name) => readFileSync(`${job.corpusPath}/${name}`));
}

function save(corpus: readonly Uint8Array[]): void {
  mkdirSync(job.corpusPath, { recursive: true });
  for (const [index, bytes] of corpus.entries()) writeFileSync(`${job.corpusPath}/${index}`, bytes);
}
