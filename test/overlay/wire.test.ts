import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { isRefusal } from '#codec';
import { identityOf, open, type SharedKey, SharedKeys, sealInto } from '#crypto';
import type { PublicKey } from '#kernel';
import {
  type Control,
  controlPacket,
  decodeControl,
  encodeControl,
  layoutOfType,
} from '../../agent/overlay/wire/control.ts';
import { DataFrame, dataHeaderBytes, dataPacket, plaintext, startDataFrame } from '../../agent/overlay/wire/data.ts';
import { frameHeader } from '../../agent/overlay/wire/frame.ts';
import { Framer } from '../../agent/overlay/wire/framer.ts';
import { decodeIcmp, encodeIcmp } from '../../agent/overlay/wire/icmp.ts';
import { valuesOf } from '../codec/arbitrary.ts';

interface Vectors {
  readonly keys: Readonly<Record<string, string>>;
  readonly public: Readonly<Record<string, string>>;
  readonly transcripts: readonly {
    readonly name: string;
    readonly frames: readonly { readonly from: string; readonly hex: string }[];
  }[];
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/mycelium.json', import.meta.url), 'utf8')) as Vectors;
const frames = vectors.transcripts.flatMap(({ name, frames: all }) =>
  all.map(({ hex }, index) => ({ name: `${name} ${index}`, bytes: Buffer.from(hex, 'hex') })),
);
const us = new SharedKeys(identityOf(Buffer.from(vectors.keys['us'] ?? '', 'hex')));
const keys = ['stockA', 'stockB'].map((name) => us.with(vectors.public[name] as PublicKey)) as SharedKey[];

interface Cut {
  readonly kind: 'data' | 'control' | 'skipped';
  readonly bytes: Uint8Array;
}

function cut(pieces: readonly Uint8Array[]): {
  readonly packets: Cut[];
  readonly broken: string | null;
  readonly framer: Framer;
} {
  const packets: Cut[] = [];
  const framer = new Framer({
    data: (bytes) => packets.push({ kind: 'data', bytes: Uint8Array.from(bytes) }),
    control: (bytes) => packets.push({ kind: 'control', bytes: Uint8Array.from(bytes) }),
    skipped: () => packets.push({ kind: 'skipped', bytes: new Uint8Array() }),
  });
  let broken: string | null = null;
  for (const piece of pieces) broken ??= framer.push(piece);
  return { packets, broken, framer };
}

test('every control packet of a stock node decodes and encodes to the same bytes', (t) => {
  const control = frames.filter(({ bytes }) => bytes[1] === 1);
  t.true(control.length > 15);
  for (const { name, bytes } of control) {
    const decoded = decodeControl(bytes.subarray(4));
    if (isRefusal(decoded) || decoded === 'unknown') return t.fail(`${name}: ${decoded}`);
    t.is(Buffer.from(encodeControl(decoded)).toString('hex'), bytes.toString('hex'), name);
  }
});

test('every data packet of a stock node opens, and seals to the same bytes with the same nonce', (t) => {
  const data = frames.filter(({ bytes }) => bytes[1] === 0 && !bytes.subarray(40).every((byte) => byte === 0));
  t.true(data.length > 50);
  for (const { name, bytes } of data) {
    const outer = dataPacket.decode(bytes.subarray(4));
    if (isRefusal(outer)) return t.fail(`${name}: ${outer}`);
    const opened = keys.map((key) => [key, open(key, outer.payload)] as const).find(([, plain]) => plain !== null);
    const [key, plain] = opened ?? [];
    if (key === undefined || plain === undefined || plain === null) return t.fail(`${name}: not opened`);
    const inner = plaintext.decode(plain);
    if (isRefusal(inner)) return t.fail(`${name}: ${inner}`);
    const again = Buffer.from(plaintext.encode(inner));
    const frame = startDataFrame(outer.source, outer.destination, outer.hopLimit, again.length + 28);
    sealInto(key, outer.payload.subarray(-12), again, frame, dataHeaderBytes);
    t.is(frame.toString('hex'), bytes.toString('hex'), name);
    const fast = new DataFrame(bytes);
    t.deepEqual([fast.source, fast.destination, fast.hopLimit], [outer.source, outer.destination, outer.hopLimit]);
  }
});

test('the packet that tells of a death by hop limit decodes and encodes to the same bytes', (t) => {
  const dead = vectors.transcripts.find(({ name }) => name === 'hop-limit')?.frames.at(-1);
  const bytes = Buffer.from(dead?.hex ?? '', 'hex');
  const plain = keys.map((key) => open(key, bytes.subarray(dataHeaderBytes))).find((found) => found !== null);
  t.is(plain?.[1], 2);
  const body = plain?.subarray(4) ?? new Uint8Array();
  const icmp = decodeIcmp(body);
  if (icmp === null || isRefusal(icmp)) return t.fail(String(icmp));
  t.is(icmp.reason, 'hop-limit');
  t.is(icmp.destination, '04b81b6020091b61ec5efb8fb8b278c9' as typeof icmp.destination);
  t.is(Buffer.from(encodeIcmp(icmp)).toString('hex'), Buffer.from(body).toString('hex'));
});

test('a stream cut anywhere gives the same packets', (t) => {
  const stream = Buffer.concat(frames.map(({ bytes }) => bytes));
  const whole = cut([stream]);
  t.is(whole.packets.length, frames.length);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 60 }), fc.boolean(), (sizes, bytewise) => {
      const pieces: Buffer[] = [];
      let at = 0;
      for (const size of bytewise ? sizes.map((one) => (one % 7) + 1) : sizes) {
        pieces.push(stream.subarray(at, at + size));
        at += size;
      }
      pieces.push(stream.subarray(at));
      const again = cut(pieces);
      t.is(again.broken, null);
      t.deepEqual(again.packets, whole.packets);
    }),
    { numRuns: 60 },
  );
});

test('a wrong version, an unknown type and a second TLV end the link; another protocol is skipped', (t) => {
  const hello = Buffer.from(encodeControl({ kind: 'hello', flags: 0x8000, seqno: 1, interval: 2000 }));
  t.regex(cut([Buffer.from('02', 'hex')]).broken ?? '', /version 2/);
  t.regex(cut([Buffer.from('01020000', 'hex')]).broken ?? '', /type 2/);
  const second = Buffer.concat([hello, Buffer.from('040600000000', 'hex')]);
  second.writeUInt16BE(16, 6);
  t.regex(cut([second]).broken ?? '', /one TLV/);
  const foreign = Buffer.concat([Buffer.from('0101000007030300', 'hex'), Buffer.alloc(0x300)]);
  const { packets, broken } = cut([foreign.subarray(0, 9), foreign.subarray(9, 400), foreign.subarray(400), hello]);
  t.is(broken, null);
  t.deepEqual(
    packets.map(({ kind }) => kind),
    ['skipped', 'control'],
  );
  const unknown = Buffer.from('010100002a03000563030102ff', 'hex');
  const skipped = cut([unknown, hello]);
  t.is(decodeControl(skipped.packets[0]?.bytes ?? new Uint8Array()), 'unknown');
  t.is(skipped.packets.length, 2);
});

test('a stream that begins as TLS does hints at a private network', (t) => {
  t.regex(
    cut([Buffer.from('1603010200', 'hex')]).broken ?? '',
    /^frame version 22 \(it speaks TLS: a private network\?/,
  );
  t.is(cut([Buffer.from('05', 'hex')]).broken, 'frame version 5, wanted 1');
});

test('a length announced costs nothing until its bytes come', (t) => {
  const frame = startDataFrame('04'.repeat(16) as never, '05'.repeat(16) as never, 63, 0);
  frame.writeUInt16BE(0xffff, 5);
  const { framer } = cut([frame]);
  t.true(framer.memoryBytes <= 2 * frame.length);
  for (let sent = 0; sent < 65_534; sent += 2) framer.push(new Uint8Array(2));
  t.true(framer.memoryBytes <= 65_575);
});

test('any bytes are cut, skipped or refused, and what is held stays below one packet', (t) => {
  const start = fc.constantFrom(
    ...frames.slice(0, 20).map(({ bytes }) => bytes),
    Buffer.from('010100002a03', 'hex'),
    Buffer.from('01000000', 'hex'),
  );
  const pieces = fc.array(fc.oneof(start, fc.uint8Array({ maxLength: 300 })), { maxLength: 8 });
  fc.assert(
    fc.property(pieces, (input) => {
      const { framer, packets } = cut(input);
      t.true(framer.memoryBytes <= 65_575);
      for (const { kind, bytes } of packets) if (kind === 'control') decodeControl(bytes);
    }),
    { numRuns: 1000 },
  );
});

test('every control packet survives encoding and decoding, whatever its values', (t) => {
  const kinds = [
    [4, 'hello'],
    [5, 'ihu'],
    [8, 'update'],
    [9, 'route-request'],
    [10, 'seqno-request'],
  ] as const;
  for (const [type, kind] of kinds) {
    const body = layoutOfType(type);
    if (body === null) return t.fail(kind);
    fc.assert(
      fc.property(valuesOf(body), (values) => {
        const control = { kind, ...values } as Control;
        t.deepEqual(decodeControl(Uint8Array.from(encodeControl(control).subarray(4))), control);
      }),
    );
  }
  fc.assert(
    fc.property(valuesOf(controlPacket), (value) => t.notThrows(() => decodeControl(controlPacket.encode(value)))),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (input) =>
      t.notThrows(() => [decodeControl(input), decodeIcmp(input)]),
    ),
  );
});

test('the frame header that is written by hand is the one of the table', (t) => {
  fc.assert(
    fc.property(valuesOf(dataPacket), (value) => {
      const frame = startDataFrame(value.source, value.destination, value.hopLimit, value.payload.length);
      frame.set(value.payload, dataHeaderBytes);
      const table = Buffer.concat([frameHeader.encode({ type: 0 }), dataPacket.encode(value)]);
      t.is(frame.toString('hex'), table.toString('hex'));
    }),
  );
});
