import { execFile } from 'node:child_process';
import test from 'ava';

/** A bus with one promise broken, in a process of its own: how the storm of these seeds ends. All: README.md. */
const storm = (mutation: string, seed: number, seeds: number): Promise<{ code: unknown; text: string }> =>
  new Promise((resolve) => {
    const args = ['--import', './test/sim/mutant.ts', 'scripts/sim.ts', '--from', `${seed}`, '--seeds', `${seeds}`];
    execFile(process.execPath, args, { env: { ...process.env, MUTATION: mutation } }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, text: stdout + stderr }),
    );
  });

for (const [mutation, seed, seeds, seen] of [
  ['early-ack', 1, 4, /missing/],
  ['duplicates', 24, 8, /twice/],
] as const) {
  test(`the storm sees that a promise is broken: ${mutation} (negative control)`, async (t) => {
    const { code, text } = await storm(mutation, seed, seeds);
    t.is(code, 1, text);
    t.regex(text, seen);
  });
}
