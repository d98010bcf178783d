import { parseArgs } from 'node:util';
import { storm } from '../test/sim/storm.ts';

/** `npm run sim -- --seeds N [--from S]`: so many histories of agents under random faults, from seed S (1) on. */
const { values } = parseArgs({ options: { seeds: { type: 'string' }, from: { type: 'string' } } });
const seeds = Number(values.seeds ?? 300);
const from = Number(values.from ?? 1);
if (!Number.isInteger(seeds) || !Number.isInteger(from) || seeds < 1) {
  process.stderr.write('sim: --seeds N and --from S want whole numbers\n');
  process.exit(2);
}

let failed = 0;
let acknowledged = 0;
let boots = 0;
let slowestMs = 0;
const began = performance.now();
for (let seed = from; seed < from + seeds; seed++) {
  const report = await storm(seed).catch((error: unknown) => ({
    faults: [String(error instanceof Error ? error.stack : error)],
    acknowledged: 0,
    boots: 0,
    healedMs: 0,
  }));
  acknowledged += report.acknowledged;
  boots += report.boots;
  slowestMs = Math.max(slowestMs, report.healedMs);
  if (report.faults.length === 0) continue;
  failed++;
  const faults = report.faults.slice(0, 8).map((fault) => `  ${fault}\n`);
  process.stdout.write(`npm run sim -- --seeds 1 --from ${seed}\n${faults.join('')}`);
}
const seconds = ((performance.now() - began) / 1000).toFixed(1);
process.stdout.write(
  `${seeds - failed} of ${seeds} histories healed and whole; ${acknowledged} readings acknowledged, ${boots} boots, ` +
    `healed after at most ${(slowestMs / 1000).toFixed(1)} s of simulated time; ${seconds} s\n`,
);
process.exitCode = failed === 0 ? 0 : 1;
