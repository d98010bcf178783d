import { randomBytes } from 'node:crypto';
import { Ours } from '../../../test/interop/ours.ts';

/** The far agent of `bench overlay`: listens, says where and who it is in one line, ends when its input does. */
const far = await Ours.start(randomBytes(32), []);
far.keeps = false;
process.stdout.write(`${JSON.stringify({ endpoint: far.endpoint, publicKey: far.publicKey })}\n`);
process.stdin.resume();
process.stdin.once('end', () => {
  if (process.env['BENCH_COUNTERS'] !== undefined) console.error(far.overlay.counters);
  process.exit(0);
});
