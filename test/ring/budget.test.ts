import test from 'ava';
import { writesText } from '../../agent/cli/commands/wear.ts';
import { Bench, message } from './bench.ts';

const hourMs = 3_600_000;
const KiB = 1024;

test('what is written in a day of running is known after a restart, and not what was written before that day', async (t) => {
  const bench = new Bench(91);
  let ring = await bench.open();
  for (let hour = 0; hour < 4; hour++) {
    ring.append([message('a', 'x')]);
    await bench.pass(hourMs);
  }
  const before = ring.status.writes.lately;
  t.true(before.bytes > 4 * 4 * KiB && before.spanMs >= 4 * hourMs);
  await bench.until(ring.close());
  ring = await bench.open();
  const after = ring.status.writes.lately;
  t.true(after.bytes >= before.bytes && after.spanMs >= before.spanMs, JSON.stringify({ before, after }));
  t.true(ring.status.writes.sinceStart.bytes < before.bytes);
  await bench.pass(25 * hourMs);
  t.is(ring.status.writes.lately.bytes, 0);
});

test('over the write budget commits gather longer, up to a second, and shorter again when the day allows it; urgent ones never', async (t) => {
  const bench = new Bench(92);
  const ring = await bench.open({ writeBytesPerDay: 1024 * KiB, full: 'drop-oldest' });
  const windows: number[] = [];
  for (let n = 0; n < 600; n++) {
    const appended = ring.append([message('a', `${n}`)]);
    if (appended.ok) await bench.until(ring.whenDurable(appended.last));
    windows.push(ring.status.writes.commitWindowMs);
  }
  t.is(windows[0], 0);
  t.is(windows.at(-1), 1_000);
  t.true(ring.status.writes.overBudget);
  const { now } = bench.world;
  const urgent = ring.append([message('a', 'now', { lane: 0 })]);
  if (urgent.ok) await bench.until(ring.whenDurable(urgent.last));
  t.true(bench.world.now - now < 100, `${bench.world.now - now} ms`);
  await bench.pass(30);
  ring.append([message('a', 'waits')]);
  await bench.pass(30);
  const behind = ring.append([message('a', 'hurries', { lane: 0 })]);
  if (behind.ok) await bench.until(ring.whenDurable(behind.last), 100);
  await bench.pass(3 * hourMs);
  for (let n = 0; n < 12; n++) {
    const appended = ring.append([message('a', `${n}`)]);
    if (appended.ok) await bench.until(ring.whenDurable(appended.last));
  }
  t.false(ring.status.writes.overBudget);
  t.is(ring.status.writes.commitWindowMs, 0);
});

test('an estimate of wear says what it assumes', (t) => {
  const writes = {
    sinceStart: { bytes: 5e9, spanMs: 48 * hourMs },
    lately: { bytes: 1e9, spanMs: 12 * hourMs },
    budgetBytesPerDay: null,
    overBudget: false,
    commitWindowMs: 5,
  };
  const text = writesText({ payloadBytes: 1e9, bytesWritten: 2e9, writes }, { gigabytes: 32, kind: 'consumer' });
  // 32 GB × 500 cycles / (2 GB a day × 4) = 2,000 days.
  t.regex(text, /wear: 5\.5 years at 1\.9 GB a day, assuming 32 GB, 500 erase cycles \(consumer\)/);
  t.regex(text, /2\.00 for each byte of content/);
});
