import test from 'ava';
import { AgentError } from '#kernel';
import type { Ring } from '#ring';
import { Bench, Chance, message, put, text } from './bench.ts';

const count = 60;

/** A ring with two checkpoints, state and messages unread, its process dead. */
async function filled(): Promise<{ bench: Bench; last: number }> {
  const bench = new Bench(31);
  const ring = await bench.open();
  ring.cursor({ name: 'c', filters: ['a'], except: null, from: 'now' });
  for (let n = 0; n < count; n++) {
    ring.append([message('a', `${n}:${'x'.repeat(2500)}`), put(`k${n % 5}`, `${n}`)]);
    await bench.pass(20);
  }
  const last = ring.durable;
  await bench.pass(3000);
  bench.kill();
  return { bench, last };
}

async function contents(bench: Bench, ring: Ring): Promise<{ bodies: number[]; gaps: number }> {
  const cursor = ring.cursors().find(({ name }) => name === 'c');
  if (cursor === undefined) return { bodies: [], gaps: 0 };
  const open = ring.cursor({ name: 'c', filters: ['a'], except: null, from: 'now' });
  const read = await bench.until(open.read(1000, 1e9));
  const bodies = read.flatMap((record) =>
    record.kind === 'message' ? [Number.parseInt(text(record.body) ?? '', 10)] : [],
  );
  let gaps = 0;
  for (const record of read) if (record.kind === 'gap') gaps += record.count;
  return { bodies, gaps };
}

test('a bit that flips anywhere in the files never stops the ring, and costs at most the batch it is in', async (t) => {
  const { bench } = await filled();
  const original = new Map(
    bench.disk.paths().map((path) => [path, bench.disk.peek(path)?.slice() ?? new Uint8Array()]),
  );
  t.true(original.size >= 3, [...original.keys()].join());
  const chance = new Chance(32);
  let damaged = 0;
  for (const [path, bytes] of original) {
    const places = path.endsWith('ring.log') ? places4096(bytes, chance) : spread(bytes.length, 40, chance);
    for (const place of places) {
      const world = new Bench(33, (w) => bench.disk.afterCut(w, new Chance(1)));
      world.disk.flipBit(path, place, chance.between(0, 7));
      const ring = await world.open();
      const { bodies, gaps } = await contents(world, ring);
      const at = `${path} byte ${place}`;
      t.true(bodies.length >= count - 1, `${at}: ${bodies.length} of ${count} read`);
      t.deepEqual(
        bodies,
        [...bodies].sort((a, b) => a - b),
        at,
      );
      if (bodies.length < count) {
        damaged++;
        t.true(gaps === 1 || bodies.at(-1) === count - 2 || ring.status.damagedBatches > 0, `${at}: lost and not said`);
      }
      const account = ring.cursors().find(({ name }) => name === 'c')?.account;
      if (account !== undefined) t.true(account.pending >= 0 && account.pending <= count, at);
    }
  }
  t.log(`${damaged} flips lost a batch`);
  t.true(damaged > 10);
});

/** One byte of each header field of some batches and segment headers, and some anywhere. */
function places4096(bytes: Uint8Array, chance: Chance): number[] {
  const places: number[] = [];
  for (let page = 0; page < bytes.length; page += 4096) {
    if (bytes.subarray(page, page + 64).every((byte) => byte === 0)) continue;
    if (chance.hits(0.7)) places.push(page + chance.between(0, 100));
    if (chance.hits(0.2)) places.push(page + chance.between(0, 4095));
  }
  return places;
}

const spread = (length: number, many: number, chance: Chance): number[] =>
  Array.from({ length: many }, () => chance.between(0, length - 1));

test('damage found while reading is a gap with the right count, said once, and counted as dropped when settled', async (t) => {
  const { bench } = await filled();
  const ring = await bench.open();
  const cursor = ring.cursor({ name: 'c', filters: ['a'], except: null, from: 'now' });
  const before = cursor.account;
  t.is(before.pending, count);
  const log = bench.disk.peek('ring/ring.log') ?? new Uint8Array();
  const at = Buffer.from(log).indexOf('7:xxx');
  bench.disk.flipBit('ring/ring.log', at + 100, 3);
  const read = await bench.until(cursor.read(1000, 1e9));
  const gaps = read.filter((record) => record.kind === 'gap');
  t.deepEqual(
    gaps.map((gap) => gap.kind === 'gap' && [gap.count, gap.reason]),
    [[1, 'damaged']],
  );
  t.is(read.length, count);
  t.is(ring.status.damagedBatches, 1);
  t.is(bench.lines.filter((line) => line.event === 'ring-batch-damaged').length, 1);
  const last = read.at(-1);
  if (last?.kind === 'message') cursor.settle(last.sequence);
  t.deepEqual(cursor.account, {
    matched: count,
    settled: count - 1,
    dropped: { full: 0, damaged: 1, expired: 0, refused: 0, superseded: 0 },
    pending: 0,
  });
});

test('what could not be read is copied to the quarantine, at most sixteen times, the oldest removed', async (t) => {
  const { bench } = await filled();
  const ring = await bench.open();
  const cursor = ring.cursor({ name: 'c', filters: ['a'], except: null, from: 'now' });
  t.is(ring.status.quarantine, null);
  const log = Buffer.from(bench.disk.peek('ring/ring.log') ?? new Uint8Array());
  for (let n = 2; n < 42; n += 2) bench.disk.flipBit('ring/ring.log', log.indexOf(`${n}:xxx`) + 100, 3);
  await bench.until(cursor.read(1000, 1e9));
  await bench.pass(1_000);
  const names = await bench.until(bench.disk.list('ring/quarantine'));
  t.true(names.length > 1 && names.length <= 16, `${names.length}`);
  const { quarantine } = ring.status;
  t.is(quarantine, `ring/quarantine/${names.at(-1)}`);
  t.true(Buffer.from(bench.disk.peek(quarantine ?? '') ?? []).includes(':xxx'));
  t.true(bench.lines.some(({ event, fields }) => event === 'ring-batch-quarantined' && fields['path'] === quarantine));
  await bench.until(ring.close());
});

test('a quarantine that cannot be written stops nothing', async (t) => {
  const { bench } = await filled();
  const ring = await bench.open();
  const cursor = ring.cursor({ name: 'c', filters: ['a'], except: null, from: 'now' });
  const log = Buffer.from(bench.disk.peek('ring/ring.log') ?? new Uint8Array());
  bench.disk.flipBit('ring/ring.log', log.indexOf('7:xxx') + 100, 3);
  bench.disk.makeDirectory = () => Promise.reject(new AgentError('disk/no-space', 'retry', 'no space left'));
  t.is((await bench.until(cursor.read(1000, 1e9))).length, count);
  await bench.pass(1_000);
  t.true(bench.lines.some(({ event }) => event === 'ring-quarantine-refused'));
  t.is(ring.status.quarantine, null);
  t.true(ring.append([message('a', 'goes on')]).ok);
});

test('the medium may lose whole pages or all of a file, and the ring still starts', async (t) => {
  const { bench } = await filled();
  const chance = new Chance(35);
  for (let turn = 0; turn < 40; turn++) {
    const other = new Bench(36 + turn, (w) => bench.disk.afterCut(w, new Chance(1)));
    for (const path of other.disk.paths()) {
      const bytes = other.disk.peek(path);
      if (bytes === undefined || !chance.hits(0.6)) continue;
      const share = chance.pick([0.01, 0.1, 0.5, 1]);
      for (let page = 0; page < bytes.length; page += 4096) {
        if (chance.hits(share))
          bytes.subarray(page, page + 4096).set(chance.bytes(Math.min(4096, bytes.length - page)));
      }
    }
    const ring = await other.open();
    await contents(other, ring);
    const appended = ring.append([message('b', 'goes on')]);
    t.true(appended.ok);
    if (appended.ok) await other.until(ring.whenDurable(appended.last));
  }
});

test('an older checkpoint serves when the newest is damaged', async (t) => {
  const { bench, last } = await filled();
  const newest =
    bench.disk
      .paths()
      .filter((path) => path.includes('checkpoint-'))
      .at(-1) ?? '';
  bench.disk.flipBit(newest, 40, 1);
  const ring = await bench.open();
  t.is(ring.durable >= last, true);
  t.is(text(ring.state('k4')), `${count - 1}`);
  t.is((await contents(bench, ring)).bodies.length, count);
  t.true(bench.lines.some((line) => line.event === 'ring-checkpoint-damaged'));
});

test('files of a newer format are refused with what to do', async (t) => {
  const { crc32 } = await import('node:zlib');
  const { bench } = await filled();
  const log = bench.disk.peek('ring/ring.log') ?? new Uint8Array();
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  view.setUint16(4, 2, true);
  view.setUint32(4092, crc32(log.subarray(0, 4092)), true);
  for (const path of bench.disk.paths()) if (path.includes('checkpoint')) bench.disk.flipBit(path, 50, 0);
  await t.throwsAsync(bench.open(), { code: 'ring/version' });
  t.pass();
});
