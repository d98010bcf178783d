import { randomBytes } from 'node:crypto';
import { Ours } from '../../../test/interop/ours.ts';
import { usageOf } from './usage.ts';

/**
 * The far agent of `bench overlay`: listens, says where and who it is in one line, answers every line with what it has used
 * so far, ends when its input does. With the argument `messages` it knows no better path.
 */
const far = await Ours.start(randomBytes(32), [], { betterPath: process.argv[2] !== 'messages' });
far.keeps = false;
say({ endpoint: far.endpoint, publicKey: far.publicKey });
process.stdin.on('data', () => say(usageOf(far.overlay)));
process.stdin.once('end', () => {
  if (process.env['BENCH_COUNTERS'] !== undefined) console.error(far.overlay.counters);
  process.exit(0);
});

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
