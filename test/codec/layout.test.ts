import test from 'ava';
import fc from 'fast-check';
import {
  bytes,
  constant,
  hex,
  hexSizedBy,
  isRefusal,
  layout,
  lengthOf,
  reserved,
  rest,
  sizedBy,
  u8,
  u16,
  u32,
  u64,
  within,
} from '#codec';
import { valuesOf } from './arbitrary.ts';

const sample = layout('sample', {
  magic: constant(u8, 7),
  kind: within(u8, 1, 3),
  pad: reserved(2),
  size: lengthOf('body', u16),
  count: u32,
  big: u64,
  id: hex(4),
  fixed: bytes(3),
  body: sizedBy('size'),
  tail: rest(),
});

const value = {
  kind: 2,
  count: 0x01020304,
  big: 2 ** 40 + 5,
  id: 'cafe0001',
  fixed: Uint8Array.of(1, 2, 3),
  body: Uint8Array.of(9, 9),
  tail: Uint8Array.of(8),
};
const encoded = '0702000000020102030400000100000000' + '05cafe000101020309' + '0908';

test('a table encodes to the bytes it describes, and decodes them again', (t) => {
  t.is(Buffer.from(sample.encode(value)).toString('hex'), encoded);
  t.is(sample.size(value), encoded.length / 2);
  const decoded = sample.decode(Uint8Array.from(Buffer.from(encoded, 'hex')));
  t.deepEqual(decoded, value);
});

test('a refusal says where, what was found and what was wanted', (t) => {
  const found = (hexText: string): string => String(sample.decode(Buffer.from(hexText, 'hex')));
  t.is(found(`08${encoded.slice(2)}`), 'sample.magic at 0: 8, wanted 7');
  t.is(found(`0709${encoded.slice(4)}`), 'sample.kind at 1: 9, wanted 1 to 3');
  t.is(found('0702000000'), 'sample.size at 4: 1 bytes left, wanted 2');
  t.is(found(encoded.slice(0, -6)), 'sample.body at 25: 0 bytes left, wanted 2');
  t.is(
    found(`${encoded.slice(0, 20)}ffffffffffffffff${encoded.slice(36)}`),
    'sample.big at 10: 18446744073709552000, wanted at most 2^53 - 1',
  );
  const exact = layout('exact', { one: u8 });
  t.is(String(exact.decode(Uint8Array.of(1, 2))), 'exact.end at 1: 1 more bytes, wanted the end');
});

test('a dump shows every field with its bytes, and the refusal where it ends', (t) => {
  const rows = sample.explain(Buffer.from(encoded, 'hex'));
  t.is(rows.map((row) => row.hex).join(''), encoded);
  t.deepEqual(
    rows.map((row) => row.name),
    ['magic', 'kind', 'pad', 'size', 'count', 'big', 'id', 'fixed', 'body', 'tail'],
  );
  const short = sample.explain(Buffer.from(encoded.slice(0, 10), 'hex'));
  t.deepEqual([short.at(-1)?.type, short.at(-1)?.text], ['refused', '1 bytes left, wanted 2']);
});

test('what is encoded decodes to the same values, and any bytes decode or are refused, never more', (t) => {
  const sized = layout('sized', {
    bits: within(u8, 0, 128),
    prefix: hexSizedBy('bits', (bits) => Math.ceil(bits / 8)),
    end: u8,
  });
  fc.assert(
    fc.property(valuesOf(sample), (values) =>
      t.deepEqual(sample.decode(Uint8Array.from(sample.encode(values))), Object.assign({}, values)),
    ),
  );
  fc.assert(fc.property(valuesOf(sized), (values) => t.deepEqual(sized.decode(sized.encode(values)), values)));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (input) => {
      const decoded = sized.decode(input);
      if (!isRefusal(decoded)) t.deepEqual(Uint8Array.from(sized.encode(decoded)), input);
      const loose = sample.decode(input);
      if (!isRefusal(loose)) t.is(sample.size(loose), input.length);
      sample.explain(input);
    }),
    { numRuns: 2000 },
  );
});
