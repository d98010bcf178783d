import test from 'ava';
import fc from 'fast-check';
import { identityOf, nonceBytes, open, type SharedKey, SharedKeys, sealInto, sealOverheadBytes } from '#crypto';

function key(): SharedKey {
  const other = identityOf(Buffer.alloc(32, 2)).publicKey;
  const shared = new SharedKeys(identityOf(Buffer.alloc(32, 1))).with(other);
  if (shared === null) throw new Error('no shared key');
  return shared;
}

function seal(plain: Uint8Array, nonce: Uint8Array): Uint8Array {
  const into = new Uint8Array(plain.length + sealOverheadBytes);
  sealInto(key(), nonce, plain, into, 0);
  return into;
}

const nonces = fc.uint8Array({ minLength: nonceBytes, maxLength: nonceBytes });

test('what was sealed opens to the same bytes', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1500 }), nonces, (plain, nonce) => {
      const opened = open(key(), seal(plain, nonce));
      t.deepEqual(opened === null ? null : Uint8Array.from(opened), plain);
    }),
  );
});

test('a sealed packet with any bit changed, or cut short, does not open', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 100 }),
      nonces,
      fc.nat(),
      fc.integer({ min: 0, max: 7 }),
      (plain, nonce, at, bit) => {
        const sealed = seal(plain, nonce);
        const index = at % sealed.length;
        t.is(open(key(), sealed.subarray(0, index)), null);
        sealed[index] = (sealed[index] ?? 0) ^ (1 << bit);
        t.is(open(key(), sealed), null);
      },
    ),
  );
});
