import test from 'ava';
import { read, refusal } from './settings.ts';

test('how much is carried for others is written in bytes a second, a day, or both', (t) => {
  const limit = (written: string) => read(`[overlay]\ntransit_limit = "${written}"`).overlay.transit_limit;
  t.is(read('').overlay.transit_limit, undefined);
  t.deepEqual(limit('64KB/s'), { bytesPerSecond: 65_536, bytesPerDay: null });
  t.deepEqual(limit('1GB/day'), { bytesPerSecond: null, bytesPerDay: 1024 ** 3 });
  t.deepEqual(limit('64KB/s, 1.5GB/day'), { bytesPerSecond: 65_536, bytesPerDay: 1.5 * 1024 ** 3 });
});

test('a limit without a time, of nothing, or given twice is refused', (t) => {
  for (const written of ['64KB', '64KB/min', '0B/s', '1KB/s, 2KB/s', '1GB/day,', '/s']) {
    t.regex(refusal(`[overlay]\ntransit_limit = "${written}"`), /overlay\.transit_limit.*a day or both/, written);
  }
});
