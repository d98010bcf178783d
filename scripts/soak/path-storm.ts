import { parseArgs } from 'node:util';
import { pathStorm } from '../../test/overlay/path-storm.ts';

/** `node scripts/soak/path-storm.ts [--seeds 2000] [--from 1]`: more histories of the better path. Exit code 1 when one is broken. */
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '2000' }, from: { type: 'string', default: '1' } },
});
const first = Number(values.from);
let [sent, byPath, handedOver] = [0, 0, 0];
for (let seed = first; seed < first + Number(values.seeds); seed++) {
  const report = await pathStorm(seed);
  sent += report.sent;
  byPath += report.byPath;
  handedOver += report.handedOver;
  if (report.faults.length === 0) continue;
  console.log(`seed ${seed}: ${report.faults.join('; ')}`);
  process.exitCode = 1;
}
console.log(`${values.seeds} histories: ${sent} messages, ${byPath} by the better path, ${handedOver} handed over`);
