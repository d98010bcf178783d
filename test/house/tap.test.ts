import test from 'ava';
import fc from 'fast-check';
import { TapReader } from '../../scripts/tap.ts';

/** From `ava --tap` 8.0.1 over files with a passing, a failing, a skipped and a planned test, and one that crashed. */
const stream = `TAP version 13
ok 1 - b › late
not ok 2 - Error: uncaught
  ---
    name: Error
    message: uncaught
  ...
not ok 3 - test/b.test.ts exited with a non-zero exit code: 1
ok 4 - a › skipped # SKIP
not ok 5 - a › planned # TODO
ok 6 - a › good
#   a line logged
ok 7 - a › one that says ok 9 - # SKIP in its middle
not ok 8 - a › bad
  ---
    assertion: t.is()
  ...

1..6
# tests 5
`;

const read = (pieces: readonly string[]) => {
  const shown: string[] = [];
  const reader = new TapReader((line) => shown.push(line));
  for (const piece of pieces) reader.take(piece);
  return { tally: reader.end(), shown };
};

test('every result counts once, and a crash outside any test counts as a failure', (t) => {
  t.deepEqual(read([stream]).tally, { passed: 3, failed: 3, skipped: 2 });
});

test('failures are shown with their details and successes are not', (t) => {
  const { shown } = read([stream]);
  t.true(shown.includes('    assertion: t.is()'));
  t.false(shown.some((line) => line.startsWith('ok 6')));
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

test('a runner that died before its plan is a failure', (t) => {
  t.is(read(['TAP version 13\nok 1 - fine\n']).tally.failed, 1);
  t.is(read(['']).tally.failed, 1);
});
