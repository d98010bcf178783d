import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import type { Instant } from '#kernel';
import { type ExplainedFrame, explain } from '#overlay';
import { keptBytes, PacketRing } from '../../agent/overlay/seeing/packet-ring.ts';

interface Vectors {
  readonly transcripts: readonly {
    readonly name: string;
    readonly frames: readonly { readonly hex: string }[];
  }[];
}

const { transcripts } = JSON.parse(
  readFileSync(new URL('../vectors/mycelium.json', import.meta.url), 'utf8'),
) as Vectors;
const frames = transcripts.flatMap(({ name, frames: all }) => all.map(({ hex }) => ({ name, hex })));

/** The bytes of all fields, one after the other; throws where a field does not begin where the one before it ended. */
function retold(explained: readonly ExplainedFrame[]): string {
  let hex = '';
  for (const frame of explained) {
    if (frame.offset * 2 !== hex.length) throw new Error(`frame at ${frame.offset}, wanted ${hex.length / 2}`);
    for (const field of frame.fields) {
      if (field.offset * 2 !== hex.length) throw new Error(`${field.name} at ${field.offset}, not ${hex.length / 2}`);
      if (field.size * 2 !== field.hex.length) throw new Error(`${field.name}: ${field.size} bytes`);
      hex += field.hex;
    }
  }
  return hex;
}

test('every captured frame is explained to the last byte, and no field is unknown', (t) => {
  t.true(frames.length > 80);
  const seen = new Set<string>();
  for (const { name, hex } of frames) {
    const explained = explain(Buffer.from(hex, 'hex'));
    t.is(explained.length, 1, name);
    t.is(retold(explained), hex, name);
    const [frame] = explained;
    seen.add(frame?.what ?? '');
    for (const field of frame?.fields ?? []) {
      t.notRegex(`${field.type} ${field.text}`, /refused|unknown|skipped|cut/, `${name}: ${field.name}`);
    }
  }
  t.deepEqual([...seen].sort(), ['data', 'hello', 'ihu', 'route-request', 'seqno-request', 'update']);
});

test('frames that follow each other are explained one by one, with offsets in the whole', (t) => {
  const all = frames.map(({ hex }) => hex).join('');
  const explained = explain(Buffer.from(all, 'hex'));
  t.is(explained.length, frames.length);
  t.is(retold(explained), all);
});

test('an update says whose subnet it announces, for how much and how long', (t) => {
  const [frame] = explain(Buffer.from(frames[0]?.hex ?? '', 'hex'));
  const texts = Object.fromEntries((frame?.fields ?? []).map(({ name, text }) => [name, text]));
  t.is(texts['prefix'], '4f8:84b0:d7be:7300::/64');
  t.is(texts['interval'], '300 s');
  t.is(texts['metric'], '0');
  t.regex(texts['routerId'] ?? '', /^key 57db4b35[0-9a-f]{56}, start [0-9a-f]{12}$/);
});

test('whatever the bytes, explaining them ends, covers them and says nothing that is not there', (t) => {
  const garbage = fc.uint8Array({ maxLength: 300 });
  const nearly = fc
    .tuple(fc.nat(frames.length - 1), fc.nat(), fc.nat(255), fc.nat(1400))
    .map(([index, at, byte, length]) => {
      const bytes = Buffer.from(frames[index]?.hex ?? '', 'hex');
      bytes[at % bytes.length] = byte;
      return bytes.subarray(0, length);
    });
  fc.assert(
    fc.property(fc.oneof(garbage, nearly), (bytes) => retold(explain(bytes)) === Buffer.from(bytes).toString('hex')),
    { numRuns: 5000 },
  );
  t.pass();
});

test('the ring keeps the heads of the last 1,024 packets, in memory that does not grow', (t) => {
  const ring = new PacketRing();
  const before = ring.memoryBytes;
  const frame = Buffer.alloc(65_575, 7);
  for (let count = 0; count < 5000; count++) ring.frame('tcp://a:1', true, frame, null, count as Instant);
  const kept = ring.last(10_000, 5000 as Instant);
  t.is(kept.length, 1024);
  t.is(kept.at(-1)?.number, 5000);
  t.is(kept[0]?.number, 3977);
  t.true(kept.every(({ head, sizeBytes }) => head.length === 2 * keptBytes && sizeBytes === 65_575));
  t.is(ring.memoryBytes, before);
  t.true(before < 200_000);
  ring.opened(3976, 1);
  ring.opened(5000, 1);
  t.deepEqual(
    ring.last(1024, 5000 as Instant).flatMap(({ number, kind }) => (kind === null ? [] : [number])),
    [5000],
    'a packet that is forgotten is not named',
  );
});
