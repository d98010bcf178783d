import test from 'ava';
import fc from 'fast-check';
import { AvaReader } from '../../scripts/ava-reader.ts';

/** From ava 8.0.1 over files with tests of every fate, one that crashed, one that hung. */
const stream = `
  ✔ b › late (1.2s)
  - [skip] a › skipped
  - [todo] a › planned
  ✔ a › good
    ℹ a line logged ✔ with a mark
  ✘ [fail]: a › bad

  Uncaught exception in test/b.test.ts

  Error: uncaught

  ✘ test/b.test.ts exited with a non-zero exit code: 1
  ✘ No tests found in test/c.test.ts, make sure to import "ava" at the top of your test file
  ✔ [expected fail] e › known

  ✘ Timed out while running tests

  1 tests were pending in test/e.test.ts

  ◌ e › never ends

  ─

  a › bad

  ✔ a line of the details

  ─

  1 test failed
  1 known failure
  1 test skipped
`;

const read = (pieces: readonly string[]) => {
  const shown: string[] = [];
  const reader = new AvaReader((line) => shown.push(line));
  for (const piece of pieces) reader.take(piece);
  return { tally: reader.end(), shown };
};

test('every result counts once, and a crash, an empty file and a hang count as failures', (t) => {
  t.deepEqual(read([stream]).tally, { passed: 3, failed: 5, skipped: 2 });
});

test('failures, hangs and details are shown, successes are not', (t) => {
  const { shown } = read([stream]);
  for (const line of ['  ✘ [fail]: a › bad', '  ◌ e › never ends', '  a › bad']) t.true(shown.includes(line), line);
  t.false(shown.some((line) => line.startsWith('  ✔ a › good')));
});

test('the sum does not depend on where the stream is cut into pieces', (t) => {
  const whole = read([stream]);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(stream.length), { maxLength: 20 }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), stream.length];
      t.deepEqual(read(at.slice(1).map((end, index) => stream.slice(at[index], end))), whole);
    }),
  );
});

test('a runner that died before its summary is a failure', (t) => {
  t.is(read(['  ✔ fine\n']).tally.failed, 1);
  t.is(read(['']).tally.failed, 1);
  t.is(read(['  ✔ fine\n  ─\n\n  1 test passed']).tally.failed, 0);
});
