import test from 'ava';
import { receiveKeyRules } from '../../../agent/crypto/seal/receive-keys.ts';
import { day, hour, meet, pair, settle, TestNode } from './kit.ts';

test('an idle node keeps its key for ever; one that was used rotates after a day of uptime', (t) => {
  const [a, b] = pair();
  for (let count = 0; count < 100; count++) b.tick(day);
  t.is(b.sealer.epoch, 1);
  b.read(a.seal(b, 'x'));
  b.tick();
  t.is(b.sealer.epoch, 2);
  b.read(a.seal(b, 'x'));
  b.tick(day - 1);
  t.is(b.sealer.epoch, 2);
  b.tick(1);
  t.is(b.sealer.epoch, 2, 'the first key was still in use');
});

test('a key that opened 4,096 batches, or 64 MiB, is rotated at once', (t) => {
  const [a, b] = pair();
  for (let count = 0; count < receiveKeyRules.rotateAfterBatches; count++) b.read(a.seal(b, 'x'));
  b.tick();
  t.is(b.sealer.epoch, 2);
  a.run(a.sealer.learn(b.key, b.sealer.announcement() ?? new Uint8Array()));
  const text = 'x'.repeat(4 * 1024 * 1024);
  for (let count = 0; count < 16; count++) b.read(a.seal(b, text));
  b.tick();
  t.is(b.sealer.epoch, 3);
});

test('uptime adds up over restarts, and a node that never stays up for a day rotates all the same', (t) => {
  const [a, b] = pair();
  b.read(a.seal(b, 'x'));
  b.tick(20 * hour);
  b.restart();
  b.tick(5 * hour);
  t.is(b.sealer.epoch, 2);
  a.run(a.sealer.learn(b.key, b.sealer.announcement() ?? new Uint8Array()));
  let starts = 0;
  for (; b.sealer.epoch === 2 && starts < 100; starts++) {
    b.restart();
    b.read(a.seal(b, 'x'));
    b.tick(1000);
  }
  t.is(starts, receiveKeyRules.rotateAfterStarts);
});

test('a superseded key goes when every contact that used it has drained it and the mailboxes were emptied once', (t) => {
  const [a, b] = pair();
  const c = new TestNode(3);
  meet(b, c);
  for (const each of [a, c]) b.read(each.seal(b, 'x'));
  b.sealer.rotate();
  b.tick();
  for (const each of [a, c]) {
    each.run(each.sealer.learn(b.key, b.sealer.announcement() ?? new Uint8Array()));
    each.sealer.drained(b.key, 2);
  }
  b.read(a.seal(b, 'drained'));
  b.sealer.mailboxDrained();
  b.tick();
  t.is(b.sealer.counters.receiveKeysDeleted, 0, 'one contact has not said so');
  b.read(c.seal(b, 'drained too'));
  b.tick();
  t.is(b.sealer.counters.receiveKeysDeleted, 1);
});

test('no key goes before a mailbox drain that came after it, however old or many', (t) => {
  const [a, b] = pair();
  b.read(a.seal(b, 'x'));
  b.sealer.rotate();
  b.tick();
  b.tick(receiveKeyRules.keepMs * 2);
  t.is(b.sealer.counters.receiveKeysDeleted, 0);
  b.sealer.mailboxDrained();
  b.tick();
  t.true(b.sealer.counters.receiveKeysDeleted >= 1);
});

test('a key that a silent contact may need is kept for 56 days of uptime, to the millisecond', (t) => {
  const [a, b] = pair();
  b.read(a.seal(b, 'x'));
  b.sealer.rotate();
  b.tick();
  b.sealer.mailboxDrained();
  b.tick();
  b.tick(receiveKeyRules.keepMs - 1);
  t.is(b.sealer.counters.receiveKeysDeleted, 0);
  b.tick(1);
  t.is(b.sealer.counters.receiveKeysDeleted, 1);
});

test('of more than 64 superseded keys the oldest goes, though a silent contact used it', (t) => {
  const [a, b] = pair();
  const keep = receiveKeyRules.keepCount;
  for (let count = 0; count < keep; count++) {
    b.read(a.seal(b, 'x'));
    b.sealer.rotate();
    b.tick();
    a.run(a.sealer.learn(b.key, b.sealer.announcement() ?? new Uint8Array()));
  }
  b.sealer.mailboxDrained();
  b.read(a.seal(b, 'x'));
  b.tick();
  const before = b.sealer.counters.receiveKeysDeleted;
  t.is(before, b.sealer.epoch - 1 - keep);
  b.sealer.rotate();
  b.tick();
  b.sealer.mailboxDrained();
  b.tick();
  t.is(b.sealer.counters.receiveKeysDeleted, before + 1);
});

test('while no mailbox drain ever ends, 128 keys are the limit: then nothing is rotated, and nothing lost', (t) => {
  const [a, b] = pair();
  const first = a.seal(b, 'of the first key');
  for (let count = 0; count < 200; count++) {
    b.sealer.rotate();
    b.tick();
  }
  t.is(b.sealer.epoch, receiveKeyRules.limitCount);
  t.is(b.read(first), 'of the first key');
});

test('a receiver that slept for six weeks opens what waited, and rotates after its mailboxes are empty', (t) => {
  const [a, b] = pair();
  a.nowMs += 42 * day;
  const waited = Array.from({ length: 5 }, (_, index) => {
    a.nowMs += hour;
    return a.seal(b, `batch ${index}`);
  });
  b.restart();
  b.sealer.know(a.key);
  for (const [index, envelope] of waited.entries()) t.is(b.read(envelope), `batch ${index}`);
  b.sealer.mailboxDrained();
  b.tick();
  t.is(b.sealer.epoch, 2);
});

test('a key is announced only when it is durable', (t) => {
  const [a, b] = pair();
  b.announced.length = 0;
  b.isDiskBroken = true;
  b.sealer.rotate();
  b.tick();
  t.is(b.sealer.epoch, 1);
  t.deepEqual(b.announced, []);
  t.is(b.read(a.seal(b, 'x')), 'x');
  b.isDiskBroken = false;
  b.tick(60_000);
  t.is(b.sealer.epoch, 2);
  t.deepEqual(b.announced, [2]);
  settle(a, b);
});

test("a damaged file of receive-keys, or another node's, begins anew at epoch 1", (t) => {
  const [, b] = pair();
  const file = Buffer.from(b.receiveKeys ?? []);
  for (let at = 0; at < file.length; at += 7) {
    const damaged = Buffer.from(file);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    b.restart(damaged, null);
    t.is(b.sealer.epoch, 1);
    t.not(Buffer.from(b.receiveKeys ?? []).toString('hex'), file.toString('hex'));
  }
  const c = new TestNode(3, { stored: { receiveKeys: file, contacts: null } });
  t.is(c.sealer.epoch, 1);
});
