import { parseArgs } from 'node:util';
import { type StormReport, storm } from '../test/sim/storm.ts';
import type { Weather } from '../test/sim/verdict.ts';

/** `npm run sim -- --seeds N [--from S]`: so many histories of agents under random faults, from seed S (1) on. */
const { values } = parseArgs({ options: { seeds: { type: 'string' }, from: { type: 'string' } } });
const seeds = Number(values.seeds ?? 300);
const from = Number(values.from ?? 1);
if (!Number.isInteger(seeds) || !Number.isInteger(from) || seeds < 1) {
  process.stderr.write('sim: --seeds N and --from S want whole numbers\n');
  process.exit(2);
}

interface Sum {
  histories: number;
  lost: number;
}

const failed: number[] = [];
const sums: Record<Weather, Sum> = {
  plain: { histories: 0, lost: 0 },
  drops: { histories: 0, lost: 0 },
  decay: { histories: 0, lost: 0 },
  images: { histories: 0, lost: 0 },
  'far-images': { histories: 0, lost: 0 },
};
let acknowledged = 0;
let boots = 0;
let slowestMs = 0;
const began = performance.now();
for (let seed = from; seed < from + seeds; seed++) {
  const report = await storm(seed).catch((error: unknown) => String(error instanceof Error ? error.stack : error));
  const faults = typeof report === 'string' ? [report] : report.faults;
  if (typeof report !== 'string') add(report);
  if (faults.length === 0) continue;
  failed.push(seed);
  const lines = faults.slice(0, 8).map((fault) => `  ${fault}\n`);
  process.stdout.write(`npm run sim -- --seeds 1 --from ${seed}\n${lines.join('')}`);
}
const seconds = ((performance.now() - began) / 1000).toFixed(1);
const { drops, decay, images, 'far-images': farImages } = sums;
process.stdout.write(
  `${drops.histories} with a ring that drops: ${drops.lost} records dropped and told; ` +
    `${decay.histories} with bits that turn over: ${decay.lost} damaged and told; ` +
    `${images.histories} with an older image restored at the sender, ${farImages.histories} at the receiver: ${farImages.lost} lost and told\n` +
    `${seeds - failed.length} of ${seeds} histories healed and whole; ${acknowledged} readings acknowledged, ${boots} boots, ` +
    `healed after at most ${(slowestMs / 1000).toFixed(1)} s of simulated time; ${seconds} s\n`,
);
if (failed.length > 0) process.stdout.write(`failed: ${failed.slice(0, 20).join(' ')}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;

function add(report: StormReport): void {
  acknowledged += report.acknowledged;
  boots += report.boots;
  slowestMs = Math.max(slowestMs, report.healedMs);
  const sum = sums[report.weather];
  sum.histories++;
  sum.lost += report.lost;
}
