import { crc32 } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import type { Duration, Epoch, Sequence } from '#kernel';
import type { Ring } from '#ring';
import { decodeCheckpoint, encodeCheckpoint } from '../../agent/ring/checkpoint.ts';
import { Seen } from '../../agent/ring/seen.ts';
import { chunkSequences, decodeChunk, SeenChunk } from '../../agent/ring/seen-chunk.ts';
import { Bench, Chance, from, message, nodeKey, put } from './bench.ts';

const origins = [nodeKey('x'), nodeKey('y')];
const epochs = ['01'.repeat(12), '02'.repeat(12)] as Epoch[];
const roomy = 1 << 20;

/** Places near each other and far apart, across the borders of chunks. */
const born = fc.oneof(
  fc.integer({ min: 1, max: 60 }),
  fc.integer({ min: chunkSequences - 20, max: chunkSequences + 20 }),
  fc.integer({ min: 2 ** 48 - 50, max: 2 ** 48 - 1 }),
);
const record = fc.tuple(fc.constantFrom(...origins), fc.constantFrom(...epochs), born);

test('it knows exactly what was added, also after it was saved and loaded', (t) => {
  const model = fc.property(fc.array(record), fc.array(record), fc.array(record), (first, second, asked) => {
    const before = new Seen(roomy);
    const known = new Set<string>();
    const add = (seen: Seen, one: (typeof first)[number]): void => {
      seen.add(...one, known.size);
      known.add(one.join());
    };
    for (const one of first) add(before, one);
    const seen = new Seen(roomy);
    seen.load(before.save());
    for (const one of second) add(seen, one);
    for (const one of [...first, ...second, ...asked]) t.is(seen.has(...one), known.has(one.join()));
    t.is(seen.forgotten, 0);
  });
  fc.assert(model, { numRuns: 300 });
});

test('a chunk is written in runs or in bits, never longer than its bits, and read back the same', (t) => {
  const runs = fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 60 });
  const noise = fc.array(fc.integer({ min: 0, max: chunkSequences - 1 }), { maxLength: 2_000 });
  const stretches = runs.map((lengths) => {
    let at = 0;
    const some: number[] = [];
    for (const [index, length] of lengths.entries()) {
      for (let each = at; index % 2 === 1 && each < Math.min(at + length, chunkSequences); each++) some.push(each);
      at += length;
    }
    return some;
  });
  const same = fc.property(fc.oneof(stretches, noise), (some) => {
    const chunk = new SeenChunk(7);
    for (const each of some) chunk.add(each, 1);
    const encoded = chunk.encoded();
    t.true(encoded.length <= chunkSequences / 8);
    const again = decodeChunk(7, 1, encoded);
    for (let each = 0; each < chunkSequences; each++) if (again.has(each) !== chunk.has(each)) t.fail(`${each}`);
    t.is(again.count, new Set(some).size);
  });
  fc.assert(same, { numRuns: 200 });
  const whole = new SeenChunk(0);
  for (let each = 0; each < chunkSequences; each++) whole.add(each, 1);
  t.true(whole.encoded().length <= 4);
});

test('bytes that are no runs say nothing is stored rather than too much', (t) => {
  const chunk = decodeChunk(0, 1, Uint8Array.of(0, 255, 255, 5, 5));
  t.is(chunk.count, 0);
});

test('beyond its limit it forgets what was longest not added to, counts it, and never says too much', (t) => {
  const seen = new Seen(roomy);
  const [x, y] = origins as [(typeof origins)[number], (typeof origins)[number]];
  const [epoch] = epochs as [Epoch];
  seen.add(y, epoch, 5, 1);
  for (let chunk = 0; chunk < 2_047; chunk++) seen.add(x, epoch, chunk * chunkSequences, 2 + chunk);
  t.is(seen.forgotten, 0);
  seen.add(y, epoch, 6, 3_000);
  seen.add(x, epoch, 3_000 * chunkSequences, 3_001);
  t.is(seen.forgotten, 1);
  t.false(seen.has(x, epoch, 0), 'the oldest');
  t.true(seen.has(y, epoch, 5), 'in a chunk that was added to since');
  t.true(seen.has(x, epoch, chunkSequences));
  seen.add(x, epoch, 1, 3_002);
  t.false(seen.has(x, epoch, 0));
  t.true(seen.has(x, epoch, 1));
});

test('a checkpoint takes no more of it than it may, and what is left out is forgotten at once', (t) => {
  const seen = new Seen(4_096);
  const chance = new Chance(7);
  const added: (readonly [(typeof origins)[number], Epoch, number])[] = [];
  for (let at = 1; at < 40_000; at++) {
    const one = [chance.pick(origins), chance.pick(epochs), 1 + at * 3 + chance.between(0, 2)] as const;
    seen.add(...one, at);
    added.push(one);
  }
  const saved = seen.save();
  let bytes = 0;
  for (const { chunks } of saved) for (const { encoded } of chunks) bytes += encoded.length + 16;
  t.true(bytes <= 4_096 && bytes > 3_000, `${bytes} bytes`);
  const again = new Seen(4_096);
  again.load(saved);
  const known = added.filter((one) => seen.has(...one));
  t.is(known.length + seen.forgotten, added.length);
  t.true(known.length > 500);
  for (const one of added) t.is(again.has(...one), seen.has(...one));
  t.true(seen.has(...(added.at(-1) as (typeof added)[number])), 'the newest is known');
});

const ringOf = { sizeBytes: 16 * 64 * 1024 };
const bytes = 700;
const count = 500;

/** Messages of two origins and of its own, with state between; every second sequence of theirs. */
async function fill(bench: Bench, ring: Ring, steadily = false): Promise<void> {
  ring.cursor({ name: 'all', filters: ['#'], except: null, from: 'oldest' });
  for (let n = 1; n <= count; n++) {
    const provenance = n % 5 === 0 ? null : from(n % 3 === 0 ? 'x' : 'y', 'hub', 2 * n);
    ring.append([message('a', 'm'.repeat(bytes), { provenance }), put(`k${n % 4}`, `${n}`)]);
    if (steadily) await bench.pass(1);
    else if (n % 7 === 0) await bench.pass(5);
  }
  await bench.pass(200);
}

const known = (ring: Ring): string[] => {
  const found: string[] = [];
  for (const name of ['x', 'y']) {
    for (let sequence = 1; sequence <= 2 * count + 5; sequence++) {
      const { origin, epoch } = from(name, 'hub', sequence);
      if (ring.hasStored(origin, epoch, sequence as Sequence)) found.push(`${name}/${sequence}`);
    }
  }
  return found.sort();
};

async function held(bench: Bench, ring: Ring): Promise<string[]> {
  const cursor = ring.cursor({ name: 'all', filters: ['#'], except: null, from: 'oldest' });
  const found: string[] = [];
  for (;;) {
    const some = await bench.until(cursor.read(1_000, 1e9));
    if (some.length === 0) return found.sort();
    for (const one of some) {
      if (one.kind !== 'message' || one.provenance === null) continue;
      found.push(`${one.provenance.origin === nodeKey('x') ? 'x' : 'y'}/${one.provenance.sequence}`);
    }
  }
}

test('a ring knows at once what it has appended from elsewhere, and nothing else', async (t) => {
  const bench = new Bench(61);
  const ring = await bench.open(ringOf);
  const { origin, epoch } = from('x', 'hub', 9);
  t.false(ring.hasStored(origin, epoch, 9 as Sequence));
  ring.append([message('a', 'one', { provenance: from('x', 'hub', 9) })]);
  t.true(ring.hasStored(origin, epoch, 9 as Sequence), 'before it is durable');
  t.false(ring.hasStored(origin, epoch, 8 as Sequence));
  t.false(ring.hasStored(nodeKey('y'), epoch, 9 as Sequence));
  t.false(ring.hasStored(origin, ring.epoch, 9 as Sequence));
  const large = message('a', new Uint8Array(1 << 20), { provenance: from('x', 'hub', 10) });
  t.false(ring.append([large]).ok);
  t.false(ring.hasStored(origin, epoch, 10 as Sequence), 'what was refused is not stored');
});

test('after a clean end and after a kill a ring knows what it knew before', async (t) => {
  const bench = new Bench(62);
  let ring = await bench.open(ringOf);
  await fill(bench, ring);
  const before = known(ring);
  t.is(before.length, count - count / 5);
  bench.kill();
  ring = await bench.open(ringOf);
  t.deepEqual(known(ring), before, 'checkpoint and log');
  await bench.until(ring.close());
  bench.kill();
  ring = await bench.open(ringOf);
  t.deepEqual(known(ring), before, 'checkpoint alone');
});

test('what is settled and freed long ago is still known after a restart', async (t) => {
  const bench = new Bench(63);
  let ring = await bench.open(ringOf);
  for (let n = 1; n <= 4_000; n++) {
    ring.append([message('a', 'm'.repeat(bytes), { provenance: from('x', 'hub', n) })]);
    if (n % 20 === 0) await bench.pass(5);
  }
  await bench.pass(3_000);
  t.true(ring.status.oldest > 1_000, `the oldest left is ${ring.status.oldest}`);
  bench.kill();
  ring = await bench.open(ringOf);
  const { origin, epoch } = from('x', 'hub', 1);
  for (let n = 1; n <= 4_000; n++) if (!ring.hasStored(origin, epoch, n as Sequence)) t.fail(`${n}`);
  t.is(ring.status.forgottenOrigins, 0);
});

test('after a power cut at any operation of the disk a ring knows what it has, no less and no more', async (t) => {
  const seed = 64;
  const bench = new Bench(seed);
  const chance = new Chance(seed);
  // What is appended while a checkpoint is written waits for its own commit until the checkpoint is there.
  const ring = await bench.open({ ...ringOf, commitWindow: 1_000 as Duration });
  const disks: { at: string; disk: Bench['disk'] }[] = [];
  let checkpoints = 0;
  bench.disk.onOperation = (phase, what, number) => {
    if (what === 'rename') checkpoints++;
    if (what === 'rename' || what === 'sync-directory' || chance.hits(0.3))
      disks.push({ at: `${phase} ${what} ${number}`, disk: bench.disk.afterCut(bench.world, chance) });
  };
  await fill(bench, ring, true);
  bench.disk.onOperation = null;
  t.true(checkpoints >= 4, `${checkpoints} checkpoint steps`);
  t.true(disks.length > 60, `${disks.length} cuts`);
  for (const { at, disk } of disks) {
    const cut = new Bench(seed, (world) => disk.moved(world));
    const after = await cut.open(ringOf);
    t.deepEqual(known(after), await held(cut, after), `seed ${seed}, ${at}`);
  }
});

test('a checkpoint of before, that says nothing of it, is read', async (t) => {
  const bench = new Bench(65);
  let ring = await bench.open(ringOf);
  await fill(bench, ring);
  const before = known(ring);
  await bench.until(ring.close());
  bench.kill();
  for (const path of bench.disk.paths().filter((each) => each.includes('checkpoint-'))) await age(bench, path);
  ring = await bench.open(ringOf);
  t.is(ring.status.damagedBatches, 0);
  t.deepEqual(await held(bench, ring), before);
  const { origin, epoch } = from('x', 'hub', 6);
  t.false(ring.hasStored(origin, epoch, 6 as Sequence), 'it is as if nothing had come before');
  ring.append([message('a', 'one', { provenance: from('x', 'hub', 6) })]);
  t.true(ring.hasStored(origin, epoch, 6 as Sequence));
});

/** Takes the last lists out of a checkpoint, as it was written before there were any. */
async function age(bench: Bench, path: string): Promise<void> {
  const now = Buffer.from(bench.disk.peek(path) ?? []);
  const decoded = decodeCheckpoint(now);
  if (decoded === null || decoded.seen.length === 0) throw new Error(`${path} says nothing of what is stored`);
  const rest = Buffer.concat([...encodeCheckpoint({ ...decoded, positions: [], newestOf: [] })]);
  const without = Buffer.concat([...encodeCheckpoint({ ...decoded, positions: [], newestOf: [], seen: [] })]);
  const lanes = 18 * (decoded.segments.length + decoded.positions.length);
  const old = Buffer.from(now.subarray(0, now.length - 16 - lanes - (rest.length - without.length) - 4));
  const trailer = Buffer.alloc(16);
  now.copy(trailer, 0, now.length - 16, now.length - 12);
  trailer.writeUInt32LE(crc32(old), 4);
  trailer.writeUIntLE(old.length, 8, 6);
  await bench.until(bench.disk.remove(path));
  const file = await bench.until(bench.disk.open(path, 'create'));
  await bench.until(file.write(Buffer.concat([old, trailer]), 0));
  await bench.until(file.sync());
  await bench.until(file.close());
}

test('what the medium has lost stays known as stored: its first path was told so', async (t) => {
  const bench = new Bench(66);
  let ring = await bench.open(ringOf);
  await fill(bench, ring);
  const before = known(ring);
  await bench.until(ring.close());
  bench.kill();
  for (let page = 3; page < 12; page++) bench.disk.flipBit('ring/ring.log', page * 4096 + 20, 3);
  ring = await bench.open(ringOf);
  const found = await held(bench, ring);
  t.true(found.length < before.length, `${found.length} of ${before.length} can be read`);
  t.true(ring.status.damagedRecords > 0);
  t.deepEqual(known(ring), before);
});
