import test from 'ava';
import type { Env, Timer } from '#kernel';
import { openRing, type Ring } from '#ring';
import { Bench, message, smallRing, text } from './bench.ts';

const log = 'ring/ring.log';
const everything = { name: 'c', filters: ['#'], except: null, from: 'now' } as const;

function damage(bench: Bench, body: string): void {
  bench.disk.flipBit(log, Buffer.from(bench.disk.peek(log) ?? new Uint8Array()).indexOf(body) + 2, 3);
}

/** What a reader of everything is given, in a word each. */
async function readAll(bench: Bench, ring: Ring): Promise<string[]> {
  const read = await bench.until(ring.cursor(everything).read(100, 1e6));
  return read.map((record) => (record.kind === 'gap' ? `${record.count} ${record.reason}` : (text(record.body) ?? '')));
}

test('after a clean close, damage in the very last batch is damage, not the torn end of the log', async (t) => {
  const bench = new Bench(61);
  const ring = await bench.open();
  ring.cursor(everything);
  for (const body of ['first-record', 'last-record']) {
    ring.append([message('a', body)]);
    await bench.pass(100);
  }
  await bench.until(ring.close());
  bench.kill();
  damage(bench, 'last-record');
  const again = await bench.open();
  t.deepEqual(await readAll(bench, again), ['first-record', '1 damaged']);
  t.is(again.status.damagedBatches, 1);
});

test('so is it when a commit that carries a checkpoint was under way as the ring was closed', async (t) => {
  const bench = new Bench(62);
  const ring = await bench.open();
  ring.cursor(everything);
  await bench.pass(60_000);
  ring.cursor({ ...everything, name: 'another' });
  ring.append([message('a', 'first-record')]);
  await bench.pass(0.5);
  ring.append([message('a', 'last-record')]);
  await bench.until(ring.close());
  bench.kill();
  damage(bench, 'last-record');
  const again = await bench.open();
  t.deepEqual(await readAll(bench, again), ['first-record', '1 damaged']);
  t.is(again.status.damagedBatches, 1);
});

test('after a kill, a last batch that is not whole was never acknowledged or is damaged: the log says where it lies', async (t) => {
  const bench = new Bench(63);
  const ring = await bench.open();
  ring.cursor(everything);
  for (const body of ['first-record', 'last-record']) {
    ring.append([message('a', body)]);
    await bench.pass(100);
  }
  bench.kill();
  damage(bench, 'last-record');
  const again = await bench.open();
  t.deepEqual(await readAll(bench, again), ['first-record']);
  const torn = bench.lines.filter(({ event }) => event === 'ring-tail-torn').map(({ fields }) => fields);
  t.like(torn, [{ fromSequence: 3, records: 1 }]);
  t.is(again.status.damagedBatches, 0);
  bench.lines = [];
  bench.kill();
  await bench.open();
  t.false(bench.lines.some(({ event }) => event === 'ring-tail-torn'));
});

/** The clock of `env`, and how many of its timers are set. */
function counted({ clock }: Env): { clock: Env['clock']; set: Set<Timer> } {
  const set = new Set<Timer>();
  const at: Env['clock']['at'] = (when, run) => {
    const timer = clock.at(when, () => {
      set.delete(counting);
      run();
    });
    const counting = {
      cancel: () => {
        set.delete(counting);
        timer.cancel();
      },
    };
    set.add(counting);
    return counting;
  };
  return { clock: { now: () => clock.now(), wall: () => clock.wall(), soon: (run) => clock.soon(run), at }, set };
}

test('a ring whose last checkpoint the disk refuses leaves no timer behind when it is closed', async (t) => {
  const bench = new Bench(64);
  const { env } = bench;
  const { clock, set } = counted(env);
  const ring = await bench.until(openRing({ ...env, clock }, smallRing));
  ring.append([message('a', 'x')]);
  await bench.pass(100);
  bench.disk.onOperation = (phase, what) => {
    if (phase === 'before' && what === 'rename') bench.disk.faults.failSyncs = 1;
  };
  await bench.until(ring.close());
  t.true(bench.lines.some(({ event }) => event === 'ring-checkpoint-refused'));
  t.is(set.size, 0);
});
