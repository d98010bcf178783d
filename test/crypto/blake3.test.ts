import { blake3 as reference } from '@noble/hashes/blake3.js';
import test from 'ava';
import fc from 'fast-check';
import { blake3, prepareBlake3 } from '#crypto';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** BLAKE3's own test vectors (repository BLAKE3-team/BLAKE3): input byte i is i mod 251. */
const known = new Map([
  [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
  [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
]);

test.serial('BLAKE3 gives the known digests before and after it has been made fast', async (t) => {
  const check = (): void => {
    for (const [size, digest] of known)
      t.is(hex(blake3(Uint8Array.from({ length: size }, (_, at) => at % 251))), digest);
  };
  check();
  await prepareBlake3();
  check();
});

test.serial(
  'the fast hash and the portable one agree on every input, and a digest is not overwritten by the next',
  async (t) => {
    await prepareBlake3();
    const sizes = fc.oneof(
      fc.integer({ min: 0, max: 5000 }),
      fc.constantFrom(1023, 1024, 1025, 16_384, 65_537, 300_000),
    );
    fc.assert(
      fc.property(sizes, fc.nat(255), (size, first) => {
        const input = Uint8Array.from({ length: size }, (_, at) => (at * 7 + first) & 255);
        const digest = blake3(input);
        const copy = hex(digest);
        blake3(Uint8Array.of(1));
        t.is(hex(digest), copy);
        t.is(copy, hex(reference(input)));
      }),
    );
  },
);
