import test from 'ava';
import type { ReceivedMessage } from '#overlay';
import { World } from '#sim';
import { flag } from '../../agent/overlay/message/wire.ts';
import { calm, pairOf } from './message-pair.ts';

const minute = 60_000;

/** What waits to be stored, in order; each is settled by hand. */
function shelf(): { readonly asked: ReceivedMessage[]; settle(isStored: boolean): void } & {
  readonly store: (message: ReceivedMessage) => Promise<boolean>;
} {
  const asked: ReceivedMessage[] = [];
  const waiting: ((isStored: boolean) => void)[] = [];
  return {
    asked,
    store: (message) => {
      asked.push(message);
      return new Promise((resolve) => waiting.push(resolve));
    },
    settle: (isStored) => waiting.shift()?.(isStored),
  };
}

test('a sender is not told that a message has come before it is stored', async (t) => {
  const world = new World(1);
  const [left, right] = pairOf(world, calm());
  const { asked, store, settle } = shelf();
  right.store = store;
  const sent = left.send(Buffer.from('keep me'));
  await world.run(minute);
  t.is(asked.length, 1, 'repeated DONEs do not ask again');
  t.deepEqual(sent?.states, ['sending']);
  t.is(right.received.length, 0);
  settle(true);
  await world.run(2 * minute);
  t.deepEqual(sent?.states, ['sending', 'received']);
  t.is(right.received.length, 1);
});

test('a message that could not be stored is offered again when its sender asks again', async (t) => {
  const world = new World(2);
  const [left, right] = pairOf(world, calm());
  const { asked, store, settle } = shelf();
  right.store = store;
  const sent = left.send(Buffer.from('keep me'));
  t.true(await world.run(minute, () => asked.length === 1));
  settle(false);
  t.true(await world.run(minute, () => asked.length === 2));
  t.deepEqual(sent?.states, ['sending']);
  settle(true);
  t.true(await world.run(minute, () => sent?.states.at(-1) === 'received'));
  t.is(right.received.length, 1);
  t.is(right.machine.counters['messages_not_stored'], 1);
});

test('a message that comes anew while its first copy is being stored is delivered once', async (t) => {
  const world = new World(3);
  const [left, right] = pairOf(world, calm());
  const { asked, store, settle } = shelf();
  right.store = store;
  const heard: Buffer[] = [];
  left.passes = (body) => {
    heard.push(Buffer.from(body));
    return true;
  };
  const sent = left.send(Buffer.from('once'));
  t.true(await world.run(minute, () => asked.length === 1));
  for (const body of heard.splice(0)) right.hears(left, body);
  t.is(asked.length, 2);
  settle(true);
  settle(true);
  t.true(await world.run(minute, () => sent?.states.at(-1) === 'received'));
  t.is(right.received.length, 1);
});

test('a receipt finds its way also for a message of before a restart', async (t) => {
  const world = new World(4);
  const [left, right] = pairOf(world, calm());
  const sent = left.send(Buffer.from('read me later'));
  t.true(await world.run(minute, () => sent?.states.at(-1) === 'received'));
  right.restart();
  const receipts: Buffer[] = [];
  right.passes = (body) => {
    if ((body.readUInt16BE(8) & flag.read) !== 0) receipts.push(body);
    return true;
  };
  right.machine.markRead(sent?.id ?? ('' as never), world.now, left.address);
  right.settle();
  await world.run(2 * minute);
  t.is(receipts.length, 1);
  t.is(sent?.states.at(-1), 'read');
});
