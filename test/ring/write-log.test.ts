import test from 'ava';
import { AtRestKey } from '#crypto';
import { cutLog, loggedRun } from './logged-run.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const cuts = 140;

for (const [how, more] of [
  ['plain', {}],
  [
    'compressed and encrypted',
    { compress: 'auto', keys: { writing: new AtRestKey(Buffer.alloc(32, 'k')), reading: [] } },
  ],
] as const) {
  test(`${cuts} power cuts between any two writes of a real ring's log lose nothing acknowledged (${how}, SEED=${seed})`, async (t) => {
    const run = await loggedRun(seed, 1_200, false, more);
    t.deepEqual((await cutLog(run, seed, cuts)).slice(0, 5), []);
    t.log(`${run.log.steps.length} steps, ${run.acknowledged.length} acknowledgements`);
    t.true(run.log.steps.length > cuts);
  });
}

test('the same cuts when no sync promises anything lose what was acknowledged (negative control)', async (t) => {
  const run = await loggedRun(seed, 200, true);
  t.true((await cutLog(run, seed, 20)).length > 5);
});
