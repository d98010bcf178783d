import test from 'ava';
import { answerEveryMs } from '../../../agent/crypto/seal/answers.ts';
import { currentSuite } from '../../../agent/crypto/seal/suite.ts';
import { flipped, pair, settle, TestNode } from './kit.ts';

/** Two nodes that know each other's identity and nothing else. */
function strangers(): [a: TestNode, b: TestNode] {
  const [a, b] = [new TestNode(1), new TestNode(2)];
  a.sealer.know(b.key);
  b.sealer.know(a.key);
  return [a, b];
}

test('before an announcement is known a batch waits, or goes to the identity key if the policy lets it', (t) => {
  const [a, b] = strangers();
  const waiting = a.trySeal(b, 'x', 'data', 'require');
  t.is(waiting.ok ? null : waiting.reason, 'no-receive-key');
  t.is(a.sends.length, 1, 'and the announcement is asked for');
  const sealed = a.trySeal(b, 'x', 'data', 'identity');
  t.is(sealed.ok && sealed.forwardSecret, false);
  t.is(b.read(sealed.ok ? sealed.envelope : new Uint8Array()), 'x');
  t.deepEqual(a.sealer.status(b.key).forwardSecret, false);
});

test('an acknowledgement never goes to an identity key', (t) => {
  const [a, b] = strangers();
  t.false(a.trySeal(b, 'ack', 'control', 'identity').ok);
});

test('a receiver that requires forward secrecy refuses an envelope to its identity key, and says how to do better', (t) => {
  const [a, b] = strangers();
  const envelope = a.seal(b, 'x', 'data', 'identity');
  t.is(b.read(envelope, { policy: 'require' }), 'refused: downgrade');
  settle(a, b);
  t.is(b.read(a.seal(b, 'x', 'data', 'identity'), { policy: 'require' }), 'x');
});

test('policy is asked on every opening, also when the context is known already', (t) => {
  const [a, b] = strangers();
  t.is(b.read(a.seal(b, 'x', 'data', 'identity')), 'x');
  t.is(b.read(a.seal(b, 'x', 'data', 'identity'), { policy: 'require' }), 'refused: downgrade');
});

test('who has once verified an announcement never seals to the identity key again, also after a restart', (t) => {
  const [a, b] = pair();
  const at = 1;
  t.is(a.seal(b, 'x', 'data', 'identity')[at], 1);
  a.restart();
  t.is(a.seal(b, 'x', 'data', 'identity')[at], 1);
});

test('who has once been sealed to properly refuses the identity key from then on, also after a restart', (t) => {
  const [a, b] = pair();
  b.read(a.seal(b, 'x'));
  b.tick();
  const forgetful = new TestNode(1);
  forgetful.sealer.know(b.key);
  const weak = forgetful.seal(b, 'y', 'data', 'identity');
  t.is(weak[1], 2);
  t.is(b.read(weak), 'refused: downgrade');
  b.restart();
  t.is(b.read(weak), 'refused: downgrade');
});

test('a sender that has lost its memory is refused, told, and seals properly with its next envelope', (t) => {
  const [a, b] = pair();
  b.read(a.seal(b, 'x'));
  a.restart(a.receiveKeys, null);
  a.sealer.know(b.key);
  b.nowMs += answerEveryMs;
  t.is(b.read(a.seal(b, 'y', 'data', 'identity')), 'refused: downgrade');
  settle(a, b);
  t.is(b.read(a.seal(b, 'y', 'data', 'identity')), 'y');
  t.true(a.sealer.status(b.key).outward);
});

test('a receiver that has lost its memory takes what is sealed properly, and asks for the announcement that it misses', (t) => {
  const [a, b] = pair();
  b.read(a.seal(b, 'x'));
  a.read(b.seal(a, 'x'));
  b.restart(b.receiveKeys, null);
  b.sealer.know(a.key);
  t.is(b.read(a.seal(b, 'y')), 'y');
  t.false(b.trySeal(a, 'z').ok);
  a.nowMs += answerEveryMs;
  settle(a, b);
  t.is(a.read(b.seal(a, 'z')), 'z');
});

test('if both sides lose their memory only the policy keeps a batch from the identity key', (t) => {
  const [a, b] = pair();
  for (const [each, other] of [
    [a, b],
    [b, a],
  ] as const) {
    each.restart(null, null);
    each.sealer.know(other.key);
  }
  t.is(a.seal(b, 'x', 'data', 'identity')[1], 2);
  t.false(a.trySeal(b, 'x', 'data', 'require').ok);
});

test('the suite and the kind in the head are authenticated: neither can be stripped or changed', (t) => {
  const [a, b] = pair();
  const envelope = a.seal(b, 'x');
  for (let bit = 0; bit < 16; bit++) t.regex(b.read(flipped(envelope, bit)), /^refused/);
  const later = Buffer.from(envelope);
  later[0] = currentSuite + 1;
  t.is(b.read(later), 'refused: unknown-suite');
  later[0] = 0;
  t.is(b.read(later), 'refused: unknown-suite');
});

test('a contact that is known to do better is not opened from with less, cached context or not', (t) => {
  const [a, b] = pair();
  const [first, second] = [a.seal(b, 'x'), a.seal(b, 'y')];
  t.is(b.read(first), 'x');
  const contacts = Buffer.from(b.contacts ?? []);
  t.true(contacts.length > 0);
  b.sealer.forget(a.key);
  b.restart(b.receiveKeys, withSuiteMinimum(b, contacts));
  t.is(b.read(second, { from: a.key }), 'refused: suite-downgrade');
});

/** The contacts' file of a later version, which has seen this contact use suite 2. */
function withSuiteMinimum(node: TestNode, file: Buffer): Buffer {
  const at = 4 + 1 + 32 + 4 + 32 + 1;
  const body = Buffer.from(file.subarray(0, file.length - 32));
  body[at] = currentSuite + 1;
  const sum = Buffer.alloc(32);
  node.backend.sha256(sum, body);
  return Buffer.concat([body, sum]);
}

test("who steals an identity key alone cannot make its owner open anything in another's name, once that other seals properly", (t) => {
  const [a, b] = pair();
  b.read(a.seal(b, 'x'));
  b.tick();
  const thief = new TestNode(2);
  thief.sealer.know(a.key);
  const impostor = new TestNode(1);
  t.is(thief.secret.equals(b.secret), true);
  impostor.sealer.know(b.key);
  t.is(b.read(impostor.seal(b, 'forged', 'data', 'identity'), { from: a.key }), 'refused: downgrade');
});

test("who steals the receive-keys alone reads nothing, for the pair's secret is missing", (t) => {
  const [a, b] = pair();
  const envelope = a.seal(b, 'secret');
  const thief = new TestNode(9);
  thief.sealer.know(a.key);
  thief.restart(b.receiveKeys, null);
  thief.sealer.know(a.key);
  t.regex(thief.read(envelope, { from: a.key }), /^refused/);
});

test('what was sealed to a key that was deleted since cannot be read, even with everything that is left', (t) => {
  const [a, b] = pair();
  const envelope = a.seal(b, 'past');
  t.is(b.read(envelope), 'past');
  b.sealer.rotate();
  b.tick();
  b.sealer.forgetOldKeys();
  b.tick();
  t.is(b.read(envelope), 'refused: unknown-key', 'also the context is gone');
  const thief = new TestNode(2, { stored: { receiveKeys: b.receiveKeys, contacts: b.contacts } });
  thief.sealer.know(a.key);
  t.is(thief.read(envelope), 'refused: unknown-key');
});

test('the status says whether both directions are forward secret', (t) => {
  const [a, b] = pair();
  t.like(a.sealer.status(b.key), { outward: true, inward: false, forwardSecret: false, epoch: 1 });
  a.read(b.seal(a, 'x'));
  t.like(a.sealer.status(b.key), { outward: true, inward: true, forwardSecret: true, ownEpoch: 1 });
});
