import { crc32 } from 'node:zlib';
import { assert, type Env, instant, type Log, milliseconds, pageBytes, type WallTime } from '#kernel';
import { type MessageRecord, openRing, type Ring } from '#ring';
import { Chance, noNet, simulatedRandom } from '#sim';
import { MemoryDisk } from './memory-disk.ts';

const directory = 'ring';
const silent: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => silent };

export type Files = ReadonlyMap<string, Buffer>;

export function openImage(files: Files): { ring: Promise<Ring>; disk: MemoryDisk } {
  const disk = new MemoryDisk(files);
  const env: Env = {
    clock: {
      now: () => instant(0),
      wall: () => 0 as WallTime,
      at: () => ({ cancel: () => {} }),
      soon: (run) => {
        setImmediate(run);
      },
    },
    random: simulatedRandom(new Chance(1)),
    disk,
    net: noNet,
    log: silent,
  };
  const ring = openRing(env, { directory, sizeBytes: 1 << 20, full: 'drop-oldest', commitWindow: milliseconds(0) });
  return { ring, disk };
}

/** The files of a ring with messages, a cursor half way, state, a retained message and two boots. */
export async function makeImage(): Promise<Files> {
  let files: Files = new Map();
  for (const boot of [1, 2]) {
    const { ring: opening, disk } = openImage(files);
    const ring = await opening;
    const cursor = ring.cursor({ name: 'link/hub', filters: ['plant/#'], except: null, from: 'oldest' });
    for (let number = 0; number < 40; number++) await append(ring, `plant/${boot}`, `reading ${boot}.${number}`);
    const read = await cursor.read(10, 1 << 16);
    const last = read.at(-1);
    if (last?.kind === 'message') cursor.settle(last.sequence);
    const put = ring.append([{ kind: 'state', key: `boot/${boot}`, value: Buffer.from('value') }]);
    assert('last' in put, 'room');
    await ring.whenDurable(put.last);
    if (boot === 2) return new Map([...disk.files].map(([path, bytes]) => [path, Buffer.from(bytes)]));
    await ring.close();
    files = disk.files;
  }
  return files;
}

/** The files of a ring that was compacted: a cursor that stayed away, and a log gone round twice by what nobody waits for. */
export async function makeCompactedImage(): Promise<{ files: Files; put: ReadonlyMap<number, Put> }> {
  const put = new Map<number, Put>();
  const { ring: opening, disk } = openImage(new Map());
  const ring = await opening;
  ring.cursor({ name: 'link/hub', filters: ['alarm'], except: null, from: 'now' });
  for (let number = 0; number < 140; number++) {
    await append(ring, 'plant/1', `reading ${number}`.padEnd(12_000), put);
    if (number % 7 === 0) await append(ring, 'alarm', `alarm ${number}`, put);
  }
  assert(ring.status.compactedSegments > 0, 'compacted');
  return { files: new Map([...disk.files].map(([path, bytes]) => [path, Buffer.from(bytes)])), put };
}

/** What was appended: also what the compaction left out may come back when the newer checkpoint is damaged. */
export type Put = Pick<MessageRecord, 'topic' | 'body'>;

async function append(ring: Ring, topic: string, text: string, put?: Map<number, Put>): Promise<void> {
  const body = Buffer.from(`\0${text}`);
  const message = {
    topic,
    lane: 1,
    qos: 1,
    retain: true,
    latest: 'set',
    body,
    provenance: null,
    age: milliseconds(0),
  } as const;
  let appended = ring.append([{ kind: 'message', ...message }]);
  // A compaction or a checkpoint may be under way.
  for (let tries = 0; !('last' in appended) && tries < 1_000; tries++) {
    await new Promise((resolve) => setImmediate(resolve));
    appended = ring.append([{ kind: 'message', ...message }]);
  }
  assert('last' in appended, 'room');
  put?.set(appended.last, { topic, body });
  await ring.whenDurable(appended.last);
}

/** Makes every checksum right again, so that what lies behind them is read. */
export function reseal(files: Files): void {
  for (const [path, bytes] of files) {
    if (path.endsWith('ring.log')) resealLog(bytes);
    else if (bytes.length >= 16) bytes.writeUInt32LE(crc32(bytes.subarray(0, bytes.length - 16)), bytes.length - 12);
  }
}

function resealLog(bytes: Buffer): void {
  for (let at = 0; at + pageBytes <= bytes.length; at += pageBytes) {
    const magic = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 8);
    if (magic === 'HYB1' && length > 8 && at + length <= bytes.length) {
      bytes.writeUInt32LE(crc32(bytes.subarray(at + 8, at + length)), at + 4);
    }
    const end = at + pageBytes - 4;
    if (magic === 'HYRS') bytes.writeUInt32LE(crc32(bytes.subarray(at, end)), end);
  }
}
