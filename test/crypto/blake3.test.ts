import { blake3 as reference } from '@noble/hashes/blake3.js';
import test from 'ava';
import fc from 'fast-check';
import { blake3, prepareBlake3, RunningBlake3 } from '#crypto';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** BLAKE3's own test vectors (repository BLAKE3-team/BLAKE3): input byte i is i mod 251. */
const known = new Map([
  [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
  [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
]);

const pieces = [0, 1, 1023, 1025, 65_536, 70_001].map((size) => Buffer.alloc(size, size & 255));

/** Two at a time, piece by piece, with another hash in between. */
function runningDigests(): string[] {
  const [left, right] = [new RunningBlake3(), new RunningBlake3()];
  for (const piece of pieces) {
    left.update(piece);
    blake3(Uint8Array.of(7));
    right.update(piece.subarray(1));
  }
  return [hex(left.digest()), hex(right.digest())];
}

test.serial(
  'hashes of bytes that come in pieces do not disturb each other, before and after they are fast',
  async (t) => {
    const wanted = [pieces, pieces.map((piece) => piece.subarray(1))].map((all) => hex(reference(Buffer.concat(all))));
    const begun = new RunningBlake3();
    begun.update(Buffer.from('begun before'));
    t.deepEqual(runningDigests(), wanted);
    await prepareBlake3();
    t.deepEqual(runningDigests(), wanted);
    t.is(hex(begun.digest()), hex(reference(Buffer.from('begun before'))));
  },
);

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
