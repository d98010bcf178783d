import test from 'ava';
import { minutes, type PublicKey } from '#kernel';
import { World } from '#sim';
import { Strangers } from '../../agent/api/strangers.ts';

const key = (number: number): PublicKey => number.toString(16).padStart(64, '0') as PublicKey;

test('strangers are news for 15 minutes after the last they sent, and counted for ever', async (t) => {
  const world = new World(1);
  const strangers = new Strangers(world.clock({ alive: true, wallOffsetMs: 0 }));
  for (const number of [1, 1, 2]) strangers.note(key(number));
  t.deepEqual(strangers.recent(), [
    { publicKey: key(2), count: 1 },
    { publicKey: key(1), count: 2 },
  ]);
  await world.run(world.now + minutes(10));
  strangers.note(key(1));
  await world.run(world.now + minutes(10));
  t.deepEqual(strangers.recent(), [{ publicKey: key(1), count: 3 }]);
  await world.run(world.now + minutes(6));
  t.deepEqual(strangers.recent(), []);
  strangers.note(key(1));
  t.deepEqual(strangers.recent(), [{ publicKey: key(1), count: 1 }], 'it began again');
  t.is(strangers.count, 5);
});

test('of many strangers the last 32 are remembered', (t) => {
  const strangers = new Strangers(new World(2).clock({ alive: true, wallOffsetMs: 0 }));
  for (let number = 0; number < 1000; number++) strangers.note(key(number));
  t.is(strangers.recent().length, 32);
  t.is(strangers.recent()[0]?.publicKey, key(999));
  t.is(strangers.count, 1000);
});
