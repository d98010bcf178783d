import test from 'ava';
import { hexOf, isAgentError } from '#kernel';
import type { ReceivedMessage } from '#overlay';
import { InboxBench, messageOf, numberOf } from './inbox-bench.ts';

const plain = ({ topic, payload, ...rest }: ReceivedMessage) => ({
  ...rest,
  topic: hexOf(topic),
  payload: hexOf(payload),
});

test('messages are taken once each, oldest first, and looking does not take', async (t) => {
  const bench = new InboxBench(1);
  const inbox = await bench.open();
  for (const number of [1, 2, 3]) t.true(await bench.add(inbox, messageOf(number)));
  const looked = await bench.through(bench.take(inbox, { peek: true }));
  t.deepEqual(looked && plain(looked), plain(messageOf(1)));
  const both = await bench.through(Promise.all([bench.take(inbox), bench.take(inbox)]));
  t.deepEqual(both.map((message) => message && numberOf(message)).sort(), [1, 2]);
  t.deepEqual((await bench.all(inbox)).map(numberOf), [3]);
  t.is(inbox.count, 0);
  t.is(inbox.bytes, 0);
});

test('a restart finds every message as it was, but for those taken', async (t) => {
  const bench = new InboxBench(2);
  const inbox = await bench.open();
  const messages = [messageOf(1), messageOf(2, 'a/topic', 0), { ...messageOf(3, 'b', 300_000), isReply: true }];
  for (const message of messages) await bench.add(inbox, message);
  await bench.through(bench.take(inbox));
  bench.disk.kill();
  const again = await bench.open();
  t.deepEqual((await bench.all(again)).map(plain), messages.slice(1).map(plain));
  t.is((await bench.open()).count, 0);
});

test('a reader that waits gets what comes; of two that wait one gets it, and those who look all see it', async (t) => {
  const bench = new InboxBench(3);
  const inbox = await bench.open();
  const first = bench.take(inbox, { waitMs: 10_000 });
  const second = bench.take(inbox, { waitMs: 10_000 });
  const lookers = [1, 2].map(() => bench.take(inbox, { waitMs: 10_000, peek: true }));
  const other = bench.take(inbox, { waitMs: 10_000, topic: 'other' });
  await bench.add(inbox, messageOf(7, 'mine'));
  const found = await bench.through(Promise.all([first, second, ...lookers, other]));
  t.deepEqual(
    found.map((message) => message && numberOf(message)),
    [7, null, 7, 7, null],
  );
});

test('a reader that leaves while it waits, or while its message is fetched, loses nothing', async (t) => {
  const bench = new InboxBench(4);
  const inbox = await bench.open();
  let leave = (): void => undefined;
  const left = (end: () => void): void => {
    leave = end;
  };
  const waiting = inbox.wait({ topic: null, peek: false }, 10_000 as never, left);
  leave();
  t.is(await bench.through(waiting), null);
  await bench.add(inbox, messageOf(1));
  const fetching = inbox.wait({ topic: null, peek: false }, 10_000 as never, left);
  leave();
  t.is(await bench.through(fetching), null);
  t.deepEqual((await bench.all(inbox)).map(numberOf), [1]);
});

test('nothing comes in beyond the bounds in messages and in bytes', async (t) => {
  const bench = new InboxBench(5);
  const few = await bench.open({ messages: 3 });
  for (const number of [1, 2, 3]) t.true(await bench.add(few, messageOf(number)));
  t.false(few.hasRoom(1, 0));
  t.false(await bench.add(few, messageOf(4)));
  await bench.through(bench.take(few));
  t.true(few.hasRoom(1, 0));
  t.true(await bench.add(few, messageOf(4)));
  const other = new InboxBench(6);
  const small = await other.open({ bytes: 65_536 });
  t.false(small.hasRoom(65_536, 0), 'with its head it takes more');
  const stored = await other.through(
    Promise.all([1, 2, 3, 4, 5].map((number) => small.store(messageOf(number, '', 20_000)))),
  );
  t.deepEqual(stored, [true, true, true, false, false], 'also when they come at the same time');
  t.true(other.disk.usedBytes <= 65_536);
});

test('the same message that comes again is stored once', async (t) => {
  const bench = new InboxBench(7);
  const inbox = await bench.open();
  const both = await bench.through(Promise.all([inbox.store(messageOf(1)), inbox.store(messageOf(1))]));
  t.deepEqual(both, [true, true]);
  const again = await bench.open();
  t.true(await bench.add(again, messageOf(1)));
  t.deepEqual((await bench.all(again)).map(numberOf), [1]);
});

test('a disk that takes nothing: the message is not there, and comes when the disk is well again', async (t) => {
  const bench = new InboxBench(8);
  const inbox = await bench.open();
  for (const fault of ['failWrites', 'failSyncs'] as const) {
    bench.disk.faults[fault] = 1;
    t.false(await bench.add(inbox, messageOf(1)), fault);
    t.is(inbox.bytes, 0);
  }
  bench.disk.faults.capacityBytes = 0;
  t.false(await bench.add(inbox, messageOf(1)), 'full');
  bench.disk.faults.capacityBytes = Number.POSITIVE_INFINITY;
  t.true(await bench.add(inbox, messageOf(1)));
  t.deepEqual((await bench.all(inbox)).map(numberOf), [1]);
});

test('a message whose removal the disk does not confirm is given to nobody, and to the next once it does', async (t) => {
  const bench = new InboxBench(9);
  const inbox = await bench.open();
  await bench.add(inbox, messageOf(1));
  // Of its name and of its being taken, twice.
  bench.disk.faults.failSyncs = 4;
  for (const round of [1, 2]) {
    const error = await t.throwsAsync(bench.through(bench.take(inbox)));
    t.true(isAgentError(error, 'api/disk'), `round ${round}`);
  }
  t.deepEqual((await bench.through(bench.take(inbox, { peek: true })))?.id, messageOf(1).id);
  t.deepEqual((await bench.all(inbox)).map(numberOf), [1]);
  t.is((await bench.open()).count, 0);
});

test('a message that has decayed on the disk is counted and passed over', async (t) => {
  const bench = new InboxBench(10);
  const inbox = await bench.open();
  for (const number of [1, 2, 3]) await bench.add(inbox, messageOf(number));
  const [first = '', second = ''] = bench.disk.paths();
  bench.disk.flipBit(first, 120, 3);
  t.deepEqual((await bench.all(inbox)).map(numberOf), [2, 3]);
  t.is(inbox.damaged, 1);
  for (const number of [4, 5]) await bench.add(inbox, messageOf(number));
  bench.disk.flipBit(bench.disk.paths()[0] ?? second, 10, 1);
  const again = await bench.open();
  t.deepEqual((await bench.all(again)).map(numberOf), [5]);
  t.is(again.damaged, 1);
});

test('a message that waits for a program is out of reach of readers until it is put back', async (t) => {
  const bench = new InboxBench(11);
  const inbox = await bench.open();
  await bench.through(inbox.store(messageOf(1)));
  const claim = inbox.claim(messageOf(1));
  t.is(await bench.through(bench.take(inbox)), null);
  claim?.putBack();
  t.deepEqual((await bench.all(inbox)).map(numberOf), [1]);
  await bench.through(inbox.store(messageOf(2)));
  await bench.through(inbox.claim(messageOf(2))?.remove() ?? Promise.reject(new Error('not claimed')));
  t.is((await bench.open()).count, 0);
});
