import test from 'ava';
import type { DiskFile, Sequence } from '#kernel';
import { SimulatedDisk, type World } from '#sim';
import { Bench, message } from './bench.ts';

const megabyte = 1024 * 1024;

/** Counts what is read of its files. */
class CountingDisk extends SimulatedDisk {
  bytesRead = 0;

  override async open(path: string, how: 'open' | 'create' | 'read-only'): Promise<DiskFile> {
    const file = await super.open(path, how);
    const read = file.read.bind(file);
    file.read = async (into, position) => {
      const count = await read(into, position);
      this.bytesRead += count;
      return count;
    };
    return file;
  }
}

test('a reader that takes a large batch in small pieces reads it from the disk once', async (t) => {
  const bench = new Bench(1, (world: World) => new CountingDisk(world));
  const disk = bench.disk as CountingDisk;
  const ring = await bench.open({ sizeBytes: 64 * megabyte });
  const cursor = ring.cursor({ name: 'slow', filters: ['#'], except: null, from: 'now' });
  const records = 20_000;
  const body = new Uint8Array(200);
  for (let count = 0; count < records; count += 1_000) {
    const appended = ring.append(Array.from({ length: 1_000 }, () => message('a', body)));
    t.true(appended.ok);
    await bench.until(ring.whenDurable((appended.ok ? appended.last : 0) as Sequence));
  }
  disk.bytesRead = 0;
  let read = 0;
  while (read < records) {
    const piece = await bench.until(cursor.read(50, megabyte));
    read += piece.length;
    cursor.settle(
      piece.at(-1)?.kind === 'message' ? (piece.at(-1) as { sequence: Sequence }).sequence : cursor.position,
    );
  }
  t.true(disk.bytesRead < 3 * records * body.length, `${disk.bytesRead} bytes read`);
  await bench.until(ring.close());
});
