/** Opens a ring that is full of messages, reads them all, and prints how long that took: a process of its own. */
import type { Duration } from '#kernel';
import { openRing } from '#ring';
import { benchEnv } from './env.ts';

const directory = process.argv[2] ?? '';
const options = { directory, sizeBytes: 1400 * 1024 * 1024, full: 'refuse' as const, commitWindow: 0 as Duration };
const rss = (): number => Math.round(process.memoryUsage().rss / 1024 / 1024);
const idle = rss();
const start = performance.now();
const ring = await openRing(benchEnv(), options);
const ready = performance.now() - start;
const cursor = ring.cursor({ name: 'link', filters: ['plant/#'], except: null, from: 'now' });
const readStart = performance.now();
let count = 0;
let peak = 0;
while (cursor.readable) {
  const records = await cursor.read(1000, 1024 * 1024);
  count += records.length;
  const last = records.at(-1);
  if (last?.kind === 'message') cursor.settle(last.sequence);
  if (count % 50_000 === 0) peak = Math.max(peak, rss());
}
const seconds = (performance.now() - readStart) / 1000;
console.log(
  `ready in ${ready.toFixed(0)} ms, ${count} read at ${Math.round(count / seconds)}/s, RSS ${idle} → at most ${peak} MiB`,
);
process.exit(0);
