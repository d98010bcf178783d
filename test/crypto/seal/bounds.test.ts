import test from 'ava';
import type { SealBackend } from '#crypto';
import { sodiumBackend } from '#crypto';
import type { PublicKey } from '#kernel';
import { contextRules } from '../../../agent/crypto/seal/contexts.ts';
import { contactLimit } from '../../../agent/crypto/seal/house.ts';
import { hour, meet, pair, TestNode } from './kit.ts';

test("a contact that opens context after context pushes out its own and nobody else's", (t) => {
  const [a, b] = pair();
  const hostile = new TestNode(3);
  meet(hostile, b);
  const [first, second] = [a.seal(b, 'one'), a.seal(b, 'two')];
  t.is(b.read(first), 'one');
  for (let count = 0; count < 100; count++) {
    hostile.nowMs += hour;
    t.is(b.read(hostile.seal(b, 'thrash')), 'thrash');
  }
  const before = b.sealer.counters.freshOpens;
  t.is(b.read(second), 'two');
  t.is(b.sealer.counters.freshOpens, before, 'the context was still there');
  t.is(b.sealer.counters.contextsEvicted, 100 - contextRules.receivingPerContact);
});

test('more contacts than the limit are not known, and sealing for them is refused by name', (t) => {
  const node = new TestNode(1);
  for (let count = 0; count <= contactLimit; count++) {
    node.sealer.know(count.toString(16).padStart(64, '0') as PublicKey);
  }
  const last = contactLimit.toString(16).padStart(64, '0') as PublicKey;
  const refused = node.sealer.seal(last, Buffer.alloc(1), 'data', 'identity');
  t.is(refused.ok ? null : refused.reason, 'unknown-contact');
});

/** Remembers every buffer that a primitive has written to or used as a key. */
function watched(): { readonly backend: SealBackend; readonly written: Set<Buffer> } {
  const inner = sodiumBackend();
  const written = new Set<Buffer>();
  const note = (...buffers: readonly Buffer[]): void => buffers.forEach((buffer) => void written.add(buffer));
  const backend: SealBackend = {
    ...inner,
    sha256: (out, bytes) => {
      note(out);
      inner.sha256(out, bytes);
    },
    sha512: (out, bytes) => {
      note(out);
      inner.sha512(out, bytes);
    },
    prf: (out, key, bytes) => {
      note(out, key);
      inner.prf(out, key, bytes);
    },
    publicOf: (out, scalar) => {
      note(scalar);
      inner.publicOf(out, scalar);
    },
    agree: (out, scalar, point) => {
      note(out, scalar);
      return inner.agree(out, scalar, point);
    },
    encrypt: (out, plain, associated, key) => {
      note(key);
      inner.encrypt(out, plain, associated, key);
    },
    decrypt: (plain, sealed, associated, key) => {
      note(key);
      return inner.decrypt(plain, sealed, associated, key);
    },
  };
  return { backend, written };
}

/** What is left in them and is secret: not part of what anybody may see. */
function leftOver(written: Set<Buffer>, open: readonly Uint8Array[]): string[] {
  const visible = open.map((bytes) => Buffer.from(bytes).toString('hex')).join('|');
  return [...written]
    .filter((buffer) => buffer.some((byte) => byte !== 0))
    .map((buffer) => buffer.toString('hex'))
    .filter((hex) => !visible.includes(hex));
}

test('what was derived on the way is overwritten: after sealing, opening, rotating and closing nothing secret is left', (t) => {
  const { backend, written } = watched();
  const b = new TestNode(2);
  const a = new TestNode(1, { backend });
  meet(a, b);
  const envelopes = [a.seal(b, 'one'), a.seal(b, 'two')];
  for (const envelope of envelopes) b.read(envelope);
  const back = b.seal(a, 'back');
  a.read(back);
  a.sealer.rotate();
  a.tick();
  a.sealer.forgetOldKeys();
  t.true(leftOver(written, envelopes).length > 0, 'a live sealer holds keys: the test can tell');
  a.sealer.close();
  t.deepEqual(leftOver(written, [a.secret]), [], 'but for the key that the caller holds');
});

test('a context that is pushed out or grows old is overwritten', (t) => {
  const { backend, written } = watched();
  const [a, b] = pair({ backend });
  a.seal(b, 'x');
  const before = leftOver(written, []).length;
  a.nowMs += hour;
  a.tick();
  t.true(leftOver(written, []).length <= before - 3, 'its three keys are gone');
});

test('secrets never show in what is printed or serialised', (t) => {
  const [a] = pair();
  const text = JSON.stringify(a.sealer) + String(a.sealer);
  t.false(text.includes(a.secret.toString('hex')));
});
