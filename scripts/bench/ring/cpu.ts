/** CPU of the append and commit path, in a process of its own: the ring, and the floor that no code can go below. */
import { closeSync, fdatasync, fdatasyncSync, openSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { AtRestKey } from '#crypto';
import type { Duration } from '#kernel';
import { type NewMessage, openRing, type Ring, type RingOptions } from '#ring';
import { benchEnv } from './env.ts';

const MiB = 1024 * 1024;
const [directory = '', size = '200', rounds = '5'] = process.argv.slice(2);
const bytes = Number(size);
const count = Math.floor((96 * MiB) / bytes);

/** A reading as JSON of the wanted length: the figures vary, the rest does not, as from a sensor. */
function reading(): Buffer {
  const figures = Array.from({ length: Math.ceil(bytes / 8) }, () => Math.random().toFixed(3));
  const text = JSON.stringify({ sensor: 's7', status: 'ok', site: 'plant-7/line-3', values: figures });
  return Buffer.from(text.padEnd(bytes, ' ').slice(0, bytes));
}

const entryOf = (body: Buffer): NewMessage[] => [
  {
    kind: 'message',
    topic: 'plant/7/temperature',
    lane: 1,
    qos: 1,
    retain: false,
    latest: 'none',
    body,
    provenance: null,
    age: 0 as Duration,
  },
];
const same = [entryOf(Buffer.alloc(bytes, 65))];
/** More than a compressor looks back; what they cost to read from memory, `ring, readings` has too. */
const readings = Array.from({ length: 8192 }, () => entryOf(reading()));

async function fill(ring: Ring, kinds: readonly NewMessage[][]): Promise<void> {
  let left = count;
  await new Promise<void>((resolve) => {
    const more = (): void => {
      while (left > 0 && ring.append(kinds[left % kinds.length] ?? []).ok) left--;
      if (left > 0) return;
      stop();
      resolve();
    };
    const stop = ring.onRoom(more);
    more();
  });
  await ring.whenDurable(ring.status.head);
}

/** Copies into one of two stages, one checksum a stage, and has it written and synced. */
async function floor(fd: number, write: (fd: number, stage: Buffer, at: number) => Promise<void> | undefined) {
  const stages = [Buffer.alloc(MiB), Buffer.alloc(MiB)];
  const body = Buffer.alloc(bytes + 35, 65);
  const perStage = Math.floor(MiB / body.length);
  let writing: Promise<void> | undefined;
  for (let left = count, at = 0; left > 0; left -= perStage, at = (at + MiB) % (128 * MiB)) {
    const stage = stages[(at / MiB) & 1] as Buffer;
    for (let n = 0; n < perStage; n++) stage.set(body, n * body.length);
    stage.writeUInt32LE(crc32(stage.subarray(8)), 4);
    await writing;
    writing = write(fd, stage, at);
  }
  await writing;
}

function onTheSpot(fd: number, stage: Buffer, at: number): undefined {
  writeSync(fd, stage, 0, MiB, at);
  fdatasyncSync(fd);
}

/** On the thread pool, as a ring must that does not stop its process. */
async function inThePool(fd: number, stage: Buffer, at: number): Promise<void> {
  await new Promise((resolve) => write(fd, stage, 0, MiB, at, resolve));
  await new Promise((resolve) => fdatasync(fd, resolve));
}

async function cpuOf(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

const open = (name: string, more: Partial<RingOptions> = {}): Promise<Ring> =>
  openRing(benchEnv(), {
    directory: join(directory, `${name}-${bytes}`),
    sizeBytes: 128 * MiB,
    full: 'drop-oldest',
    commitWindow: 0 as Duration,
    ...more,
  });
const keys = { writing: new AtRestKey(Buffer.alloc(32, 1)), reading: [] };
const ring = await open('cpu');
const encrypted = await open('cpu-encrypted', { keys });
const compressed = await open('cpu-compressed', { compress: 'auto' });
const fd = openSync(join(directory, `cpu-floor-${bytes}`), 'w+');
const found = {
  ring: [] as number[],
  'ring, readings': [] as number[],
  encrypted: [] as number[],
  compressed: [] as number[],
  'on the spot': [] as number[],
  'in the pool': [] as number[],
};
for (let round = -1; round < Number(rounds); round++) {
  const once = {
    ring: await cpuOf(() => fill(ring, same)),
    'ring, readings': await cpuOf(() => fill(ring, readings)),
    encrypted: await cpuOf(() => fill(encrypted, readings)),
    compressed: await cpuOf(() => fill(compressed, readings)),
    'in the pool': await cpuOf(() => floor(fd, inThePool)),
    'on the spot': await cpuOf(() => floor(fd, onTheSpot)),
  };
  if (round < 0) continue;
  for (const name of Object.keys(once) as (keyof typeof once)[]) found[name].push(once[name]);
}
const said = Object.entries(found).map(([name, values]) => {
  const sorted = values.sort((a, b) => a - b);
  return `${name} ${sorted[sorted.length >> 1]?.toFixed(2)} (best ${sorted[0]?.toFixed(2)})`;
});
console.log(`${bytes} B, CPU µs a record, the ring against copy, crc32, write and sync alone: ${said.join(', ')}`);
const { bytesWritten, payloadBytes } = compressed.status;
console.log(
  `${bytes} B: ${(bytesWritten / payloadBytes).toFixed(3)} bytes written per byte of topic and body, compressed`,
);
closeSync(fd);
for (const each of [ring, encrypted, compressed]) await each.close();
