import test from 'ava';
import { transitMemory } from '../../agent/app/transit-memory.ts';
import { Bench } from '../ring/bench.ts';
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

test('what was carried for others lies in the ring and is there after a power cut', async (t) => {
  const bench = new Bench(7);
  const ring = await bench.open();
  const memory = transitMemory(ring);
  t.is(memory.read(), undefined);
  memory.write(Uint8Array.of(1, 2));
  memory.write(Uint8Array.of(3, 4));
  await bench.pass(1_000);
  bench.powerCut();
  t.deepEqual([...(transitMemory(await bench.open()).read() ?? [])], [3, 4]);
});
