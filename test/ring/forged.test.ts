import { crc32 } from 'node:zlib';
import test from 'ava';
import { Bench, Chance, message, put, text } from './bench.ts';

const count = 60;

/** A ring with two checkpoints and messages unread, its process dead; the newer checkpoint's path. */
async function filled(): Promise<{ bench: Bench; newest: string }> {
  const bench = new Bench(81);
  const ring = await bench.open();
  ring.cursor({ name: 'c', filters: ['a'], except: null, from: 'now' });
  for (let n = 0; n < count; n++) {
    ring.append([message('a', `${n}:${'x'.repeat(2500)}`), put('k', `${n}`)]);
    await bench.pass(20);
  }
  await bench.pass(3_000);
  bench.kill();
  const newest = bench.disk.paths().filter((path) => path.includes('checkpoint-'));
  return { bench, newest: newest.at(-1) ?? '' };
}

/** A copy of the disk with the checkpoint changed and its checksum made right. */
function forged(bench: Bench, path: string, change: (bytes: Buffer) => void): Bench {
  const other = new Bench(82, (world) => bench.disk.afterCut(world, new Chance(1)));
  const found = other.disk.peek(path) ?? new Uint8Array();
  const bytes = Buffer.from(found.buffer, found.byteOffset, found.length);
  const end = bytes.length - 16;
  change(bytes.subarray(0, end));
  bytes.writeUInt32LE(crc32(bytes.subarray(0, end)), end + 4);
  return other;
}

// The head is 70 bytes, the count of segments 4; a segment begins with its id, slot, first and last sequence, end.
const head = 70;
const segment = head + 4;
for (const [what, change] of [
  ['an odd size of segments', (bytes: Buffer) => bytes.writeUInt32LE(70_000, 24)],
  ['a segment size beyond all', (bytes: Buffer) => bytes.writeUInt32LE(1 << 30, 24)],
  ['its end in no segment that it lists', (bytes: Buffer) => bytes.writeUIntLE(99, 56, 6)],
  ['its end within a page', (bytes: Buffer) => bytes.writeUInt32LE(5_000, 62)],
  ['a segment in a slot that no medium has', (bytes: Buffer) => bytes.writeUInt32LE(0x7000_0000, segment + 6)],
  [
    'two segments in one slot',
    (bytes: Buffer) => bytes.writeUInt32LE(bytes.readUInt32LE(segment + 46 + 6), segment + 6),
  ],
  ['a segment that begins behind its end', (bytes: Buffer) => bytes.writeUIntLE(2 ** 47, segment + 10, 6)],
  ['a segment that reaches into the next', (bytes: Buffer) => bytes.writeUIntLE(2 ** 40, segment + 16, 6)],
  ['segments in no order', (bytes: Buffer) => bytes.writeUIntLE(2 ** 40, segment, 6)],
] as const) {
  test(`a checkpoint that says ${what}, with its checksum right, counts as damaged`, async (t) => {
    const { bench, newest } = await filled();
    const other = forged(bench, newest, change);
    const ring = await other.open();
    t.true(other.lines.some(({ event }) => event === 'ring-checkpoint-damaged'));
    t.is(text(ring.state('k')), `${count - 1}`);
    const read = await other.until(
      ring.cursor({ name: 'c', filters: ['a'], except: null, from: 'now' }).read(1_000, 1e9),
    );
    t.is(read.filter(({ kind }) => kind === 'message').length, count);
  });
}

test('whatever a checkpoint says, a start ends, and so does reading all there is', async (t) => {
  const { bench, newest } = await filled();
  const length = bench.disk.peek(newest)?.length ?? 0;
  const chance = new Chance(83);
  let refused = 0;
  for (let at = 0; at < length - 16; at++) {
    const bytes = chance.pick([Buffer.from('03ffa00f007f0c0f', 'hex'), chance.bytes(chance.between(1, 8))]);
    const other = forged(bench, newest, (checkpoint) => checkpoint.set(bytes.subarray(0, checkpoint.length - at), at));
    try {
      const ring = await other.open();
      const cursor = ring.cursor({ name: 'new', filters: ['#'], except: null, from: 'oldest' });
      let before = 0;
      for (let read = await other.until(cursor.read(64, 1 << 16)); read.length > 0; ) {
        for (const one of read) {
          const place = one.kind === 'gap' ? one.to : one.sequence;
          t.true(place > before, `byte ${at}: ${place} after ${before}`);
          before = place;
        }
        read = await other.until(cursor.read(64, 1 << 16));
      }
    } catch (error) {
      t.is((error as { code?: string }).code, 'ring/version', `byte ${at}: ${String(error)}`);
      refused++;
    }
  }
  t.log(`${length - 16} checkpoints, ${refused} of a newer version`);
});
