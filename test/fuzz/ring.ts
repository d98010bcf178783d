import { assert, isAgentError, sequence } from '#kernel';
import type { MessageRecord, Ring } from '#ring';
import { messageFlags, recordKind, recordSize, recordsOf, writeRecord } from '../../agent/ring/record.ts';
import type { Target } from '../../scripts/fuzz/target.ts';
import { type Files, makeCompactedImage, makeImage, openImage, type Put, reseal } from './ring-image.ts';

const name = Buffer.from('plant/1');
const body = Buffer.from('0032312e35', 'hex');
const flags = messageFlags(1, false, 'set');
const { message } = recordKind;
const provenance = { origin: 1, via: 2, sequence: 9, hopsLeft: 7 };

export const ring: readonly Target[] = [
  {
    name: 'ring-records',
    seeds: () => {
      const bytes = Buffer.alloc(recordSize(name.length, body.length, false) + recordSize(name.length, 0, true));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const next = writeRecord(bytes, view, 0, message, flags, 1, 5, null, name, body);
      writeRecord(bytes, view, next, message, flags, 1, 5, provenance, name, new Uint8Array(0));
      return [bytes];
    },
    run: (bytes) => {
      const buffer = Buffer.from(bytes);
      let taken = 0;
      for (const record of recordsOf(buffer, 0, buffer.length)) taken += record.name.length + record.body.length;
      assert(taken <= buffer.length, 'records do not overlap');
    },
  },
  {
    name: 'ring-recovery',
    seeds: async () => {
      image ??= await makeImage();
      originals ??= await messagesOf(await openImage(image).ring);
      return [0, 1].map((mode) => Uint8Array.of(mode, 0, 16, 8, 2, 255, 0));
    },
    run: (bytes) => recover(bytes, image, originals),
    maxBytes: 256,
  },
  {
    name: 'ring-recovery-compacted',
    seeds: async () => {
      compacted ??= await makeCompactedImage();
      return [Uint8Array.of(0, 0, 16, 8, 2, 255, 0)];
    },
    // What the medium can do: checksums are not made right again.
    run: (bytes) =>
      recover(
        bytes.length === 0 ? bytes : bytes.with(0, (bytes[0] ?? 0) & 0xfe),
        compacted?.files ?? null,
        compacted?.put ?? null,
      ),
    maxBytes: 256,
  },
];

let image: Files | null = null;
let originals: ReadonlyMap<number, MessageRecord> | null = null;
let compacted: Awaited<ReturnType<typeof makeCompactedImage>> | null = null;

/**
 * The image with patches (three bytes of place, one of length, the bytes) opens, whatever they hit. While the checksums
 * are left as they were, what it gives is what was put in; with the first byte odd they are made right again.
 */
async function recover(
  bytes: Uint8Array,
  image: Files | null,
  originals: ReadonlyMap<number, Put> | null,
): Promise<void> {
  assert(image !== null && originals !== null, 'seeded');
  const files = new Map([...image].map(([path, each]) => [path, Buffer.from(each)]));
  const input = Buffer.from(bytes);
  for (let at = 1; at + 4 <= input.length; at += 4 + (input[at + 3] ?? 0)) {
    patch(files, input.readUIntBE(at, 3), input.subarray(at + 4, at + 4 + (input[at + 3] ?? 0)));
  }
  const resealed = ((bytes[0] ?? 0) & 1) === 1;
  if (resealed) reseal(files);
  const found = await messagesOf(await openImage(files).ring);
  if (resealed) return;
  for (const [at, message] of found) {
    const original = originals.get(at);
    assert(original !== undefined, `${at}: a record that was never put in`);
    assert(
      original.topic === message.topic && Buffer.compare(original.body, message.body) === 0,
      `${at}: not as put in`,
    );
  }
}

function patch(files: Files, place: number, bytes: Uint8Array): void {
  const total = [...files.values()].reduce((sum, each) => sum + each.length, 0);
  let at = place % total;
  for (const each of files.values()) {
    if (at < each.length) {
      each.set(bytes.subarray(0, each.length - at), at);
      return;
    }
    at -= each.length;
  }
}

/** Everything a new cursor gets to read. Ends: positions only rise. */
async function messagesOf(ring: Ring): Promise<Map<number, MessageRecord>> {
  const found = new Map<number, MessageRecord>();
  try {
    const cursor = ring.cursor({ name: 'fuzz', filters: ['#'], except: null, from: 'oldest' });
    let before = sequence(0);
    for (let read = await cursor.read(64, 1 << 16); read.length > 0; read = await cursor.read(64, 1 << 16)) {
      for (const record of read) {
        const at = record.kind === 'message' ? record.sequence : record.to;
        assert(at > before, `${at} after ${before}`);
        before = at;
        if (record.kind === 'message') found.set(at, { ...record, body: Buffer.from(record.body) });
      }
    }
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
  return found;
}
