import { createPublicKey, randomBytes, verify } from 'node:crypto';
import test from 'ava';
import { announce, parseAnnouncement, readAnnouncement } from '../../../agent/crypto/seal/announcement.ts';
import { answerEveryMs } from '../../../agent/crypto/seal/answers.ts';
import { bind } from '../../../agent/crypto/seal/binding.ts';
import { edwardsOf } from '../../../agent/crypto/seal/edwards.ts';
import { Derivations, type NodeKeys } from '../../../agent/crypto/seal/keys.ts';
import { leapEveryMs } from '../../../agent/crypto/seal/learning.ts';
import { backends, day, flipped, hour, pair, settle, TestNode } from './kit.ts';

const nothing: Buffer = Buffer.alloc(0);
const own = (node: TestNode): Uint8Array => node.sealer.announcement() ?? nothing;

/** What the holder of a node's secret can sign. */
function forge(node: TestNode, epoch: number, receiveKey: Buffer, extensions?: Buffer): Buffer {
  const { derivations, keys } = keysOf(node.secret, node.backend);
  return announce(derivations, keys, bind(derivations, keys, Buffer.alloc(32)), epoch, receiveKey, extensions);
}

function keysOf(
  secret: Buffer,
  backend = backends[0] as TestNode['backend'],
): { derivations: Derivations; keys: NodeKeys } {
  const derivations = new Derivations(backend, null);
  return { derivations, keys: derivations.nodeKeys(secret) };
}

const point = (node: TestNode, fill: number): Buffer => {
  const out = Buffer.alloc(32);
  node.backend.publicOf(out, Buffer.alloc(32, fill));
  return out;
};

test('a signing key is bound to the identity by one signature that every Ed25519 verifier takes', (t) => {
  for (let seed = 1; seed < 30; seed++) {
    const signatures = backends.map((backend) => {
      const { derivations, keys } = keysOf(Buffer.alloc(32, seed), backend);
      return bind(derivations, keys, Buffer.alloc(32, 9)).toString('hex');
    });
    t.is(signatures[0], signatures[1]);
    const { keys } = keysOf(Buffer.alloc(32, seed));
    const edwards = edwardsOf(keys.open) ?? nothing;
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), edwards]);
    const message = Buffer.concat([Buffer.from('hypha-seal/1 bind'), keys.verifier]);
    const verifier = createPublicKey({ key: der, format: 'der', type: 'spki' });
    t.true(verify(null, message, verifier, Buffer.from(signatures[0] ?? '', 'hex')));
    for (const backend of backends) t.true(backend.verify(Buffer.from(signatures[0] ?? '', 'hex'), message, edwards));
  }
});

test('an announcement with any bit changed is refused, by both backends', (t) => {
  const node = new TestNode(1);
  const bytes = Buffer.from(own(node));
  for (const backend of backends) {
    const { derivations, keys } = keysOf(node.secret, backend);
    t.truthy(readAnnouncement(derivations, keys.open, bytes));
    const step = backend.name === 'sodium' ? 1 : 13;
    for (let bit = 0; bit < bytes.length * 8; bit += step) {
      t.is(readAnnouncement(derivations, keys.open, flipped(bytes, bit)), null, `bit ${bit}`);
    }
    for (let size = 0; size < bytes.length; size++) {
      t.is(readAnnouncement(derivations, keys.open, bytes.subarray(0, size)), null);
    }
  }
});

test('an announcement of another identity is refused, also with a bound signing key of its own', (t) => {
  const [a, b, c] = [new TestNode(1), new TestNode(2), new TestNode(3)];
  a.sealer.know(b.key);
  t.is(a.sealer.learn(b.key, own(c)), null);
  const mixed = Buffer.from(own(c));
  Buffer.from(b.key, 'hex').copy(mixed, 2);
  t.is(a.sealer.learn(b.key, mixed), null);
});

test('who has stolen the signing key alone can neither read nor have anything sealed under its own identity', (t) => {
  const [a, b] = pair();
  const { derivations, keys } = keysOf(b.secret);
  const thief = keysOf(Buffer.alloc(32, 66)).keys;
  const rogue = announce(derivations, keys, bind(derivations, keys, Buffer.alloc(32)), 9, thief.open);
  a.run(a.sealer.learn(b.key, rogue));
  const envelope = a.seal(b, 'secret');
  const reader = new TestNode(66);
  reader.sealer.know(a.key);
  t.is(reader.read(envelope), 'refused: unknown-sender');
  t.is(
    b.read(envelope),
    'refused: unknown-key',
    'it cannot be read by the rightful owner either: a nuisance, and noticed',
  );
});

test('a receive-key of low order, or written in a second way, is never sealed to', (t) => {
  const [a, b] = [new TestNode(1), new TestNode(2)];
  a.sealer.know(b.key);
  const written = Buffer.alloc(32, 0xff);
  t.is(a.sealer.learn(b.key, forge(b, 1, written)), null);
  a.run(a.sealer.learn(b.key, forge(b, 2, Buffer.alloc(32))));
  t.false(a.trySeal(b, 'x').ok);
});

test('of two announcements the higher epoch wins, whenever it comes', (t) => {
  const [a, b] = pair();
  const old = own(b);
  b.sealer.rotate();
  b.tick();
  a.run(a.sealer.learn(b.key, own(b)));
  t.deepEqual(a.resealed, [2]);
  a.run(a.sealer.learn(b.key, old));
  t.is(a.sealer.status(b.key).epoch, 2);
  t.deepEqual(a.resealed, [2]);
  t.is(b.read(a.seal(b, 'x')), 'x');
});

test('a relay that serves a stale announcement delays, and once the old key is gone the refusal brings the new one', (t) => {
  const [a, b] = pair();
  b.sealer.rotate();
  b.tick();
  t.is(b.read(a.seal(b, 'under the old key')), 'under the old key');
  b.sealer.forgetOldKeys();
  for (let count = 0; count < 50; count++) a.run(a.sealer.learn(b.key, own(b)));
  a.run(a.sealer.learn(b.key, forge(b, 1, point(b, 5))));
  t.is(a.sealer.status(b.key).epoch, 2);
  t.is(b.read(a.seal(b, 'after')), 'after');
  t.deepEqual(a.alarms, []);
});

test('what was sealed to a deleted key is answered with the new one, and then sealed again', (t) => {
  const [a, b] = pair();
  const envelope = a.seal(b, 'late');
  b.sealer.rotate();
  b.tick();
  b.sealer.forgetOldKeys();
  t.is(b.read(envelope), 'refused: unknown-key');
  settle(a, b);
  t.deepEqual(a.resealed, [2]);
  t.is(b.read(a.seal(b, 'late')), 'late');
});

test('a thousand envelopes to an unknown key are answered once in ten seconds, and each answer causes at most one', (t) => {
  const [a, b] = pair();
  const envelopes = Array.from({ length: 1000 }, (_, index) => {
    if (index % 10 === 0) a.nowMs += hour;
    return a.seal(b, `batch ${index}`);
  });
  b.sealer.rotate();
  b.tick();
  b.sealer.forgetOldKeys();
  b.nowMs += answerEveryMs;
  for (const envelope of envelopes) b.read(envelope);
  t.is(b.sends.length, 1);
  t.true(settle(a, b) <= 2);
  b.nowMs += answerEveryMs;
  for (const envelope of envelopes) b.read(envelope);
  t.is(b.sends.length, 1);
  t.deepEqual(a.resealed, [2], 'an answer that brings nothing new reseals nothing');
});

test('one epoch with two keys raises the fork alarm, and the larger key is taken on every node', (t) => {
  const keys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)].map((_, index) => point(new TestNode(1), index + 40));
  const larger = [...keys].sort(Buffer.compare)[1];
  for (const order of [keys, [...keys].reverse()]) {
    const [a, b] = [new TestNode(1), new TestNode(2)];
    a.sealer.know(b.key);
    for (const key of order) a.run(a.sealer.learn(b.key, forge(b, 5, key)));
    t.deepEqual(a.alarms, [{ what: 'fork', contact: b.key, epoch: 5 }]);
    const sealed = a.trySeal(b, 'x');
    const id = keysOf(b.secret).derivations.keyId(larger ?? nothing);
    t.true(sealed.ok && Buffer.from(sealed.envelope.subarray(2, 10)).equals(id));
  }
});

test('a node restored from an old image is told its newest announcement and goes beyond it', (t) => {
  const [a, b] = pair();
  const image = { receiveKeys: b.receiveKeys?.slice() ?? null, contacts: b.contacts?.slice() ?? null };
  for (let count = 0; count < 4; count++) {
    b.sealer.rotate();
    b.tick();
  }
  a.read(b.seal(a, 'I am at five'));
  b.restart(image.receiveKeys, image.contacts);
  t.is(b.sealer.epoch, 1);
  const lost = a.seal(b, 'to the forgotten key');
  b.nowMs += answerEveryMs;
  a.nowMs += answerEveryMs;
  t.is(b.read(lost), 'refused: unknown-key');
  settle(a, b);
  b.tick();
  settle(a, b);
  t.is(b.sealer.epoch, 6);
  t.deepEqual(b.alarms, [{ what: 'restored', contact: null, epoch: 5 }]);
  t.is(a.sealer.status(b.key).epoch, 6);
  t.is(b.read(a.seal(b, 'again')), 'again');
});

test('a node that lost its files entirely is mended by one contact that remembers', (t) => {
  const [a, b] = pair();
  for (let count = 0; count < 2; count++) {
    b.sealer.rotate();
    b.tick();
  }
  a.read(b.seal(a, 'three'));
  b.restart(null, null);
  b.sealer.know(a.key);
  b.run(b.sealer.hello(a.key));
  a.nowMs += answerEveryMs;
  settle(a, b);
  b.tick();
  settle(a, b);
  t.is(b.sealer.epoch, 4);
  t.is(b.read(a.seal(b, 'again')), 'again');
});

test('two live clones are both told, and drive each other on once in ten minutes at the most', (t) => {
  const [a, b] = pair();
  const clone = new TestNode(2, {
    stored: { receiveKeys: b.receiveKeys, contacts: b.contacts },
    chance: { bytes: (n) => randomBytes(n) },
  });
  clone.sealer.know(a.key);
  for (const each of [b, clone]) {
    each.sealer.rotate();
    each.tick();
  }
  const before = Math.max(b.sealer.epoch, clone.sealer.epoch);
  for (let count = 0; count < 200; count++) {
    for (const each of [b, clone]) {
      each.run(each.sealer.hello(a.key));
      for (const { envelope } of each.sends.splice(0)) a.open(envelope, { from: b.key });
      for (const { envelope } of a.sends.splice(0)) {
        b.open(envelope, { from: a.key });
        clone.open(envelope, { from: a.key });
      }
    }
    for (const each of [a, b, clone]) each.tick(answerEveryMs);
  }
  const leaps = Math.ceil((200 * answerEveryMs) / leapEveryMs) + 1;
  t.true(a.alarms.some(({ what }) => what === 'fork'));
  t.true([...b.alarms, ...clone.alarms].length > 0);
  t.true(Math.max(b.sealer.epoch, clone.sealer.epoch) <= before + 2 * leaps);
});

test('a signing key that changes under one identity is refused and reported', (t) => {
  const [a, b] = pair();
  const { derivations, keys } = keysOf(b.secret);
  const other = { ...keys, signSeed: Buffer.alloc(32, 3), verifier: Buffer.alloc(32) };
  derivations.backend.verifierOf(other.verifier, other.signSeed);
  const rogue = announce(derivations, other, bind(derivations, other, Buffer.alloc(32)), 9, point(b, 8));
  a.run(a.sealer.learn(b.key, rogue));
  t.is(a.alarms[0]?.what, 'changed-signing-key');
  t.is(a.sealer.status(b.key).epoch, 1);
});

test('extensions of types that nobody knows are skipped, and those that do not add up are refused', (t) => {
  const b = new TestNode(2);
  const { derivations, keys } = keysOf(b.secret);
  const rk = point(b, 8);
  const read = (extensions: Buffer) => readAnnouncement(derivations, keys.open, forge(b, 1, rk, extensions));
  t.is(read(Buffer.of(9, 0, 2, 1, 2, 1, 0, 2, 1, 3))?.suite, 3);
  t.is(read(nothing)?.suite, 1);
  t.is(read(Buffer.of(9, 0, 3, 1, 2)), null);
  t.is(read(Buffer.of(9, 0)), null);
  t.is(parseAnnouncement(keys.open, forge(b, 0, rk)), null);
});

test('the renewal goes along until the contact has used the new key, then no more', (t) => {
  const [a, b] = pair();
  a.read(b.seal(a, 'x'));
  b.read(a.seal(b, 'x'));
  const plain = b.seal(a, 'x').length;
  b.sealer.rotate();
  b.tick(day);
  const renewal = b.seal(a, 'x').length;
  t.is(renewal - plain, 106);
  a.read(b.seal(a, 'x'));
  b.read(a.seal(b, 'x'));
  t.is(b.seal(a, 'x').length, plain);
});
