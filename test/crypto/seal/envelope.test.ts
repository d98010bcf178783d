import test from 'ava';
import { Chance } from '#sim';
import { contextRules } from '../../../agent/crypto/seal/contexts.ts';
import { sealingBytes } from '../../../agent/crypto/seal/envelope.ts';
import { backends, flipped, hour, meet, pair, TestNode } from './kit.ts';

for (const one of backends) {
  for (const other of backends) {
    test(`what ${one.name} seals ${other.name} opens, and the answer too`, (t) => {
      const [a, b] = pair({ backend: one }, { backend: other });
      t.is(b.read(a.seal(b, 'reading')), 'reading');
      t.is(a.read(b.seal(a, 'ack', 'control')), 'ack');
    });
  }
}

test('sealing adds 91 bytes once the announcements are known', (t) => {
  const [a, b] = pair();
  b.read(a.seal(b, 'first'));
  a.read(b.seal(a, 'second'));
  t.is(a.seal(b, 'x'.repeat(200)).length, 200 + 91);
  t.is(sealingBytes, 91);
});

test('an envelope with any bit changed does not open', (t) => {
  const [a, b] = pair();
  b.read(a.seal(b, 'first'));
  a.read(b.seal(a, 'second'));
  const envelope = a.seal(b, 'to be changed');
  for (let bit = 0; bit < envelope.length * 8; bit++) {
    t.regex(b.read(flipped(envelope, bit)), /^refused/, `bit ${bit}`);
    b.nowMs += 100;
  }
  t.is(b.read(envelope), 'to be changed');
});

test('an envelope cut short or made longer does not open', (t) => {
  const [a, b] = pair();
  const envelope = a.seal(b, 'whole');
  for (let size = 0; size < envelope.length; size++) t.regex(b.read(envelope.subarray(0, size)), /^refused/);
  t.regex(b.read(Buffer.concat([envelope, Buffer.alloc(1)])), /^refused/);
  t.is(b.read(envelope), 'whole');
});

test('salt and ciphertext of one context do not open under the head of another', (t) => {
  const [a, b] = pair();
  const one = a.seal(b, 'one');
  a.nowMs += contextRules.ageMs;
  const other = a.seal(b, 'other');
  t.notDeepEqual(one.subarray(10, 42), other.subarray(10, 42));
  t.is(b.read(one), 'one');
  t.is(b.read(other), 'other');
  t.is(b.read(Buffer.concat([one.subarray(0, 50), other.subarray(50)])), 'refused: forged');
});

test('an envelope for somebody else, or sent back to its sender, is dropped before any Diffie-Hellman', (t) => {
  const [a, b] = pair();
  const c = new TestNode(3);
  meet(a, c);
  const envelope = a.seal(b, 'for b');
  const before = [a, c].map(({ sealer }) => sealer.counters.freshOpens);
  t.is(c.read(envelope), 'refused: unknown-sender');
  t.is(a.read(envelope), 'refused: unknown-sender');
  t.deepEqual(
    [a, c].map(({ sealer }) => sealer.counters.freshOpens),
    before,
  );
});

test('a flood of strangers costs no Diffie-Hellman, and a source is soon not even compared with the contacts', (t) => {
  const [a, b] = pair();
  const envelope = Buffer.from(a.seal(b, 'true'));
  const before = b.sealer.counters.freshOpens;
  for (let count = 0; count < 1000; count++) {
    const forged = Buffer.from(envelope);
    forged.writeUInt32BE(count, 42);
    b.read(forged, { source: 'a relay' });
  }
  t.is(b.sealer.counters.freshOpens, before);
  t.is(b.sealer.counters.refused['unknown-sender'], 64);
  t.is(b.sealer.counters.refused['rate-limited'], 936);
  t.is(b.sends.length, 0);
  t.is(b.read(envelope, { source: 'another' }), 'true');
});

test("any part of a sender's envelopes opens in any order, at two Diffie-Hellman operations in all", (t) => {
  const [a, b] = pair();
  const seed = Date.now() % 1_000_000;
  t.log(`seed ${seed}`);
  const chance = new Chance(seed);
  const before = b.sealer.counters.freshOpens;
  const envelopes = Array.from({ length: 100 }, (_, index) => [`batch ${index}`, a.seal(b, `batch ${index}`)] as const);
  const some = envelopes.filter(() => chance.hits(0.7)).sort(() => chance.fraction() - 0.5);
  for (const [text, envelope] of some) t.is(b.read(envelope), text);
  t.is(b.sealer.counters.freshOpens, before + 1);
});

test('no two envelopes share salt and context, whatever is sealed', (t) => {
  const [a, b] = pair();
  const seen = new Set<string>();
  for (let count = 0; count < 5000; count++) {
    seen.add(Buffer.from(a.seal(b, 'the same')).toString('hex', 10, 66));
    if (count % 500 === 0) a.nowMs += hour;
  }
  t.is(seen.size, 5000);
});

test('two clones whose source of chance is stuck seal other texts under other keys, and the same text to the same bytes', (t) => {
  const stuck = { bytes: (count: number) => Buffer.alloc(count, 7) };
  const b = new TestNode(2);
  const [one, clone] = [new TestNode(1, { chance: stuck }), new TestNode(1, { chance: stuck })];
  for (const each of [one, clone]) {
    each.sealer.know(b.key);
    each.run(each.sealer.learn(b.key, b.sealer.announcement() ?? Buffer.alloc(0)));
  }
  b.sealer.know(one.key);
  const [first, second] = [one.seal(b, 'same'), clone.seal(b, 'same')];
  t.deepEqual(first, second);
  const [third, fourth] = [one.seal(b, 'this'), clone.seal(b, 'that')];
  t.deepEqual(third.subarray(0, 50), fourth.subarray(0, 50), 'the same context');
  t.notDeepEqual(third.subarray(50, 66), fourth.subarray(50, 66));
  t.is(b.read(third), 'this');
  t.is(b.read(fourth), 'that');
});

test("nodes of networks with different keys do not open each other's envelopes", (t) => {
  const [a, b] = [
    new TestNode(1, { networkPsk: Buffer.alloc(32, 1) }),
    new TestNode(2, { networkPsk: Buffer.alloc(32, 2) }),
  ];
  a.sealer.know(b.key);
  b.sealer.know(a.key);
  a.run(a.sealer.learn(b.key, b.sealer.announcement() ?? Buffer.alloc(0)));
  t.is(b.read(a.seal(b, 'secret'), { from: a.key }), 'refused: forged');
});

test('a contact whose key gives no secret is neither sealed to nor opened from', (t) => {
  const a = new TestNode(1);
  const low = Object.assign(new TestNode(2), { key: '00'.repeat(32) as never });
  a.sealer.know(low.key);
  t.is(a.trySeal(low, 'x', 'data', 'identity').ok, false);
  t.is(a.read(Buffer.alloc(100, 1), { from: low.key }), 'refused: unknown-sender');
});

test('a context ends after an hour, and after 65,536 envelopes', (t) => {
  const [a, b] = pair();
  const before = a.sealer.counters.freshSeals;
  for (let count = 0; count < contextRules.batches; count++) a.sealer.seal(b.key, Buffer.alloc(1), 'data', 'require');
  t.is(a.sealer.counters.freshSeals, before + 1);
  a.seal(b, 'one more');
  t.is(a.sealer.counters.freshSeals, before + 2);
  a.nowMs += hour;
  a.seal(b, 'later');
  t.is(a.sealer.counters.freshSeals, before + 3);
});
