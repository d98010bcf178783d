import test from 'ava';
import { storm } from './storm.ts';

/** More of the same: `npm run sim -- --seeds 300`. */
const first = 1001;
const seeds = 12;

async function whole(t: import('ava').ExecutionContext, seed: number): Promise<void> {
  const { faults } = await storm(seed);
  t.deepEqual(faults, [], `npm run sim -- --seeds 1 --from ${seed}`);
}

test('agents in a storm of faults lose, double and reorder nothing, and heal by themselves', async (t) => {
  for (let seed = first; seed < first + seeds; seed++) await whole(t, seed);
});

test('one seed is one history', async (t) => {
  t.deepEqual(await storm(first), await storm(first));
});

test('a cursor that stays readable and gives nothing does not spin (seed 5)', (t) => whole(t, 5));

test('a ring with room for a record but not for a batch is not asked in a loop (seed 168)', (t) => whole(t, 168));

test('what a medium has damaged is told to the far end, all of it (seed 112)', (t) => whole(t, 112));

test('what a batch found damaged at a start held is counted and told (seed 80)', (t) => whole(t, 80));

test('what the far end has though the near ring dropped it is not told as lost (seed 165)', (t) => whole(t, 165));

test('a lost segment of which only the account is left takes no room (seed 61)', (t) => whole(t, 61));
