import test from 'ava';
import type { Clock, Instant } from '#kernel';
import { Alarm } from '../../agent/overlay/alarm.ts';

test('an alarm that is stopped is never set again: a stopped node leaves no timer behind', (t) => {
  let pending = 0;
  const at: Clock['at'] = () => {
    pending++;
    return { cancel: () => void pending-- };
  };
  const alarm = new Alarm({ at } as Clock, () => undefined);
  alarm.set(5 as Instant);
  t.is(pending, 1);
  alarm.stop();
  alarm.set(9 as Instant);
  t.is(pending, 0);
});
