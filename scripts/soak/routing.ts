import { parseArgs } from 'node:util';
import { prepareBlake3 } from '#crypto';
import { stories } from '../../test/sim/routing/stories.ts';

/** `node scripts/soak/routing.ts [--nodes 30] [--seeds 1000] [--from 1]`: so many histories of routers that fail and heal. */
const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '30' },
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
  },
});
const [nodes, seeds, from] = [Number(values.nodes), Number(values.seeds), Number(values.from)];
if (![nodes, seeds, from].every(Number.isInteger) || nodes < 4 || nodes > 1000 || seeds < 1) {
  process.stderr.write('soak: --nodes N (4 to 1000), --seeds N and --from S want whole numbers\n');
  process.exit(2);
}

await prepareBlake3();
const atOnce = nodes > 100 ? 1 : 50;
let faults = 0;
for (let seed = from; seed < from + seeds; seed += atOnce) {
  const told = stories(nodes, seed, Math.min(atOnce, from + seeds - seed));
  process.stdout.write(`${told.summary}\n`);
  for (const fault of told.faults) process.stdout.write(`  FAULT ${fault}\n`);
  faults += told.faults.length;
}
process.stdout.write(`${seeds} histories of ${nodes} nodes from seed ${from}: ${faults} faults\n`);
process.exitCode = faults === 0 ? 0 : 1;
