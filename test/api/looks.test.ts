import test from 'ava';
import { isAgentError } from '#kernel';
import { Looks } from '../../agent/api/looks.ts';

test('answers to those who look are bounded together, one is always let through, and what has gone makes room', (t) => {
  const looks = new Looks();
  const leaves: (() => void)[] = [];
  const enter = (megabytes: number): void => looks.enter(megabytes * 1_048_576, (leave) => void leaves.push(leave));
  enter(100);
  t.true(
    isAgentError(
      t.throws(() => enter(1)),
      'api/busy',
    ),
  );
  leaves.pop()?.();
  for (let count = 0; count < 4; count++) enter(16);
  t.true(
    isAgentError(
      t.throws(() => enter(1)),
      'api/busy',
    ),
  );
  leaves.pop()?.();
  t.notThrows(() => enter(16));
});
