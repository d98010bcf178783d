import test from 'ava';
import type { Duration } from '#kernel';
import type { Lane, Ring, RingOptions } from '#ring';
import { Bench, message } from './bench.ts';

const windows: Partial<RingOptions> = {
  commitWindow: 50 as Duration,
  lanes: { urgent: { commitWindow: 0 as Duration }, bulk: { commitWindow: 1_000 as Duration } },
};

/** How long it takes until a record of the lane is durable, in simulated ms. */
async function msUntilDurable(bench: Bench, ring: Ring, lane: Lane): Promise<number> {
  const from = bench.world.now;
  const appended = ring.append([message('a', 'x', { lane })]);
  if (!appended.ok) throw new Error(appended.reason);
  await bench.until(ring.whenDurable(appended.last));
  return bench.world.now - from;
}

test("each lane's commits gather as long as it says, and an urgent one waits for nobody's window", async (t) => {
  const bench = new Bench(71);
  const ring = await bench.open(windows);
  await bench.pass(2_000);
  t.deepEqual(
    ring.status.lanes.map(({ lane, commitWindowMs }) => [lane, commitWindowMs]),
    [
      ['urgent', 0],
      ['normal', 50],
      ['bulk', 1_000],
    ],
  );
  const urgent = await msUntilDurable(bench, ring, 0);
  const normal = await msUntilDurable(bench, ring, 1);
  const bulk = await msUntilDurable(bench, ring, 2);
  t.true(urgent < 50, `urgent ${urgent} ms`);
  t.true(normal >= 50 && normal < 1_000, `normal ${normal} ms`);
  t.true(bulk >= 1_000, `bulk ${bulk} ms`);
  // What gathers goes along with what is more urgent, also when that comes while a commit is under way.
  const waiting = ring.append([message('a', 'waits', { lane: 2 })]);
  await bench.pass(100);
  t.true(waiting.ok && ring.durable < waiting.last);
  t.true((await msUntilDurable(bench, ring, 0)) < 50);
  t.true(waiting.ok && ring.durable >= waiting.last);
  const first = ring.append([message('a', '1', { lane: 0 })]);
  await bench.until(Promise.resolve());
  ring.append([message('a', '2', { lane: 2 })]);
  t.true(first.ok && (await msUntilDurable(bench, ring, 0)) < 50);
});

test('a lane that gathers writes fewer pages for the same records', async (t) => {
  const written = async (lane: Lane): Promise<number> => {
    const bench = new Bench(72);
    const ring = await bench.open(windows);
    await bench.pass(2_000);
    const before = ring.status.bytesWritten;
    for (let n = 0; n < 100; n++) {
      ring.append([message('a', `${n}`.padEnd(100), { lane })]);
      await bench.pass(100);
    }
    await bench.pass(2_000);
    return ring.status.bytesWritten - before;
  };
  const [urgent, normal, bulk] = [await written(0), await written(1), await written(2)];
  t.log(`100 records of 100 bytes, 100 ms apart: ${urgent}, ${normal}, ${bulk} bytes written`);
  t.true(urgent >= 100 * 4_096 && bulk * 5 < urgent, `${urgent}, ${normal}, ${bulk}`);
});
