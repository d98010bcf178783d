import test from 'ava';
import { instant } from '#kernel';
import { Chance, World } from '#sim';
import { flag } from '../../agent/overlay/message/wire.ts';
import { calm, digestOf, flagsIn, pairOf, Station } from './message-pair.ts';

const minute = 60_000;
const lengths = [0, 1, 249, 250, 1300, 1301, 2601, 65_536, 1_000_000];

const isOver = (station: Station) => () =>
  [...station.sent.values()].every(({ states }) =>
    ['received', 'read', 'aborted'].includes(states.at(-1) ?? 'pending'),
  );

test('a message of any length arrives once, whole, with its topic', async (t) => {
  const world = new World(1);
  const [left, right] = pairOf(world, calm());
  for (const length of lengths) left.send(world.chance.bytes(length), { topic: Buffer.from(`length ${length}`) });
  t.true(await world.run(minute, isOver(left)));
  t.deepEqual(
    right.received.map(({ payload }) => payload.length).sort((a, b) => a - b),
    lengths,
  );
  for (const { id, topic, payload } of right.received) {
    t.is(Buffer.from(topic).toString(), `length ${payload.length}`);
    t.is(digestOf(payload), digestOf(left.sent.get(id)?.payload ?? new Uint8Array(0)));
    t.deepEqual(left.sent.get(id)?.states, ['sending', 'received']);
  }
});

test('a small message takes one round trip once the far side is known to answer a repeated DONE', async (t) => {
  const world = new World(2);
  const [left, right] = pairOf(world, { ...calm(), delayMs: 50 });
  left.send(Buffer.from('the first learns'));
  await world.run(minute, () => false);
  const before = world.now;
  const packets = left.packets;
  left.send(Buffer.from('the second flies'));
  t.true(await world.run(2 * minute, isOver(left)));
  t.is(world.now - before, 100);
  t.is(left.packets - packets, 3);
  t.is(right.received.length, 2);
});

for (const sendAhead of [true, false]) {
  const how = sendAhead ? 'sent ahead' : 'step by step';
  test(`under loss, doubling and overtaking every message ${how} arrives exactly once`, async (t) => {
    for (let seed = 1; seed <= 40; seed++) {
      const world = new World(seed);
      const chance = new Chance(seed);
      const weather = { loss: chance.fraction() * 0.3, twice: chance.fraction() * 0.3, delayMs: 5, jitterMs: 40 };
      const [left, right] = pairOf(world, weather, { sendAhead });
      for (let count = 0; count < 12; count++) {
        const from = chance.pick([left, right]);
        world.plan(chance.between(0, 2000), () => from.send(chance.bytes((chance.between(0, 6) ** 6) >> 1)));
      }
      await world.run(2001);
      const isDone = await world.run(10 * minute, () => isOver(left)() && isOver(right)());
      t.true(isDone, `seed ${seed}: all are over`);
      for (const [sender, receiver] of [
        [left, right],
        [right, left],
      ] as const) {
        const ids = receiver.received.map(({ id }) => id);
        t.is(new Set(ids).size, ids.length, `seed ${seed}: none twice`);
        for (const { id, payload } of receiver.received) {
          t.is(digestOf(payload), digestOf(sender.sent.get(id)?.payload ?? Buffer.of(1)), `seed ${seed}: whole`);
        }
        for (const { id, states } of sender.sent.values()) {
          t.is(states.at(-1), 'received', `seed ${seed}: none given up`);
          t.true(ids.includes(id), `seed ${seed}: acknowledged means delivered`);
        }
      }
    }
  });
}

test('when answers to DONE get lost, DONE is answered again and nothing is delivered twice', async (t) => {
  for (const sendAhead of [true, false]) {
    const world = new World(3);
    const [left, right] = pairOf(world, calm(), { sendAhead });
    let lost = 0;
    right.passes = (body) => flagsIn(body) !== (flag.done | flag.ack) || ++lost > 5;
    left.send(world.chance.bytes(3000));
    t.true(await world.run(minute, isOver(left)));
    t.is(right.received.length, 1);
    t.is([...left.sent.values()][0]?.states.at(-1), 'received');
  }
});

test('when every answer to a flight sent ahead gets lost, the message is still delivered once', async (t) => {
  const world = new World(4);
  const [left, right] = pairOf(world, calm());
  left.send(Buffer.from('learns'));
  await world.run(minute);
  let isDeaf = true;
  right.passes = () => !isDeaf;
  const flight: number[] = [];
  left.passes = (body) => flight.push(flagsIn(body)) > 0;
  left.send(Buffer.from('flies'));
  await world.run(minute + 250);
  t.deepEqual(flight, [flag.init, flag.chunk, flag.done, flag.done], 'DONE is asked for again before INIT');
  await world.run(minute + 1500);
  t.is(right.received.length, 2);
  isDeaf = false;
  t.true(await world.run(2 * minute, isOver(left)));
  t.is(right.received.length, 2);
});

test('a far side that never answers a repeated DONE, as stock, is never sent an INIT after a DONE', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new World(seed);
    const [left, right] = pairOf(world, { loss: 0.2, twice: 0, delayMs: 5, jitterMs: 0 });
    const completed = new Set<string>();
    right.passes = (body) => {
      if (flagsIn(body) !== (flag.done | flag.ack)) return true;
      const id = body.toString('hex', 0, 8);
      const isFirst = !completed.has(id);
      completed.add(id);
      return isFirst;
    };
    const done = new Set<string>();
    let inits = 0;
    left.passes = (body) => {
      const id = body.toString('hex', 0, 8);
      if (flagsIn(body) === flag.done) done.add(id);
      if (flagsIn(body) === flag.init && done.has(id)) inits++;
      return true;
    };
    for (let count = 0; count < 10; count++) left.send(world.chance.bytes(world.chance.between(0, 4000)));
    t.true(await world.run(10 * minute, isOver(left)), `seed ${seed}`);
    t.is(inits, 0, `seed ${seed}`);
    t.is(right.received.length, 10, `seed ${seed}`);
  }
});

test('a receiver that restarts in the middle gets the message again from its beginning', async (t) => {
  for (const atMs of [3, 12, 22, 35, 60, 90]) {
    const world = new World(5);
    const [left, right] = pairOf(world, { ...calm(), delayMs: 10 });
    left.send(Buffer.from('learns'));
    await world.run(minute);
    left.send(world.chance.bytes(200_000));
    world.plan(atMs, () => right.restart());
    t.true(await world.run(10 * minute, isOver(left)), `restart at ${atMs} ms`);
    t.is([...left.sent.values()][1]?.states.at(-1), 'received', `restart at ${atMs} ms`);
    t.is(right.received.filter(({ payload }) => payload.length === 200_000).length, 1, `restart at ${atMs} ms`);
  }
});

test('silence until the deadline ends as aborted, the far side is told, and few packets are spent on it', async (t) => {
  const world = new World(6);
  const [left] = pairOf(world, { ...calm(), loss: 1 });
  const packets: Buffer[] = [];
  left.passes = (body) => packets.push(body) > 0;
  left.send(world.chance.bytes(100_000));
  t.true(await world.run(6 * minute, isOver(left)));
  t.is(world.now, instant(5 * minute));
  t.is([...left.sent.values()][0]?.states.at(-1), 'aborted');
  t.is(flagsIn(packets.at(-1) ?? Buffer.alloc(12)), flag.aborted);
  t.true(packets.length < 120, `${packets.length} packets`);
  t.is(left.machine.deadline(), instant(Number.POSITIVE_INFINITY));
});

test('a message can be given up at any stage, and the far side frees it', async (t) => {
  for (let atMs = 0; atMs <= 60; atMs += 3) {
    const world = new World(7);
    const [left, right] = pairOf(world, { ...calm(), delayMs: 4 });
    const sent = left.send(world.chance.bytes(50_000));
    if (sent === null) return t.fail();
    world.plan(atMs, () => left.machine.abort(sent.id, world.now));
    await world.run(minute);
    t.true(['aborted', 'received'].includes(sent.states.at(-1) ?? ''), `at ${atMs} ms`);
    t.is(right.machine.counters['half_open_messages'], 0, `at ${atMs} ms`);
    t.is(right.machine.counters['half_open_bytes'], 0, `at ${atMs} ms`);
    t.is(left.machine.counters['outbox_bytes'], 0, `at ${atMs} ms`);
    if (sent.states.at(-1) === 'received') t.is(right.received.length, 1, `at ${atMs} ms`);
  }
});

test('a reply carries the id of its question, says that the question arrived, and may itself be answered', async (t) => {
  const world = new World(8);
  const [left, right] = pairOf(world, calm());
  right.passes = (body) => flagsIn(body) !== (flag.done | flag.ack) || right.received.length > 1;
  right.onReceived = ({ id }) => right.send(Buffer.from('pong'), { replyTo: id });
  const question = left.send(Buffer.from('ping'));
  await world.run(900, () => left.received.length === 1);
  const [reply] = left.received;
  t.is(reply?.id, question?.id);
  t.is(reply?.isReply, true);
  t.is(question?.states.at(-1), 'received');
  left.send(Buffer.from('thanks'), { replyTo: question?.id ?? null });
  await world.run(minute, () => right.received.length === 2);
  t.is(Buffer.from(right.received[1]?.payload ?? []).toString(), 'thanks');
});

test('a read receipt is sent once, and stands for a lost DONE+ACK', async (t) => {
  const world = new World(9);
  const [left, right] = pairOf(world, calm());
  const receipts: Buffer[] = [];
  right.passes = (body) => {
    if (flagsIn(body) === flag.read) receipts.push(body);
    return flagsIn(body) !== (flag.done | flag.ack);
  };
  const sent = left.send(Buffer.from('read me'));
  await world.run(100);
  right.machine.markRead(sent?.id ?? ('' as never), world.now);
  right.machine.markRead(sent?.id ?? ('' as never), world.now);
  await world.run(minute);
  t.deepEqual(sent?.states, ['sending', 'received', 'read']);
  t.is(receipts.length, 1);
});

test('a message that nobody admits is dropped without a word, and others do not wait for it', async (t) => {
  const world = new World(10);
  const [left, right] = pairOf(world, calm(), { activePerDestination: 2 });
  right.admit = ({ topic }) => Buffer.from(topic).toString() !== 'secret';
  for (let count = 0; count < 10; count++) left.send(Buffer.from('no'), { topic: Buffer.from('secret') });
  left.send(Buffer.from('yes'));
  t.true(await world.run(5 * minute, () => right.received.length === 1));
  await world.run(6 * minute);
  t.is(right.received.length, 1);
  t.is([...left.sent.values()].filter(({ states }) => states.at(-1) === 'aborted').length, 10);
});

test('a small message does not wait for the end of a long one', async (t) => {
  const world = new World(11);
  const [left, right] = pairOf(world, { ...calm(), delayMs: 20 });
  left.send(world.chance.bytes(5_000_000));
  world.plan(200, () => left.send(Buffer.from('small')));
  await world.run(minute, () => right.received.length > 0);
  t.is(right.received[0]?.payload.length, 5);
  t.true(await world.run(5 * minute, isOver(left)));
});

test('a full outbox refuses and takes again when something is finished', async (t) => {
  const world = new World(12);
  const [left] = pairOf(world, calm(), { outboxCount: 3, outboxBytes: 10_000 });
  t.not(left.send(new Uint8Array(6000)), null);
  t.is(left.send(new Uint8Array(6000)), null);
  t.not(left.send(new Uint8Array(10)), null);
  t.not(left.send(new Uint8Array(10)), null);
  t.is(left.send(new Uint8Array(10)), null);
  t.is(left.machine.counters['messages_refused_outbox_full'], 2);
  t.true(await world.run(minute, isOver(left)));
  t.not(left.send(new Uint8Array(6000)), null);
});

test('a route that comes back is used at once', async (t) => {
  const world = new World(13);
  const weather = { ...calm(), loss: 1 };
  const [left, right] = pairOf(world, weather);
  left.send(Buffer.from('patience'));
  await world.run(2 * minute);
  weather.loss = 0;
  left.machine.routeFound(right.address.slice(0, 16) as never, world.now);
  left.settle();
  t.true(await world.run(2 * minute + 100, isOver(left)));
  t.is(right.received.length, 1);
});

test('a chunk that others have overtaken is sent again without waiting for silence', async (t) => {
  const world = new World(14);
  const [left, right] = pairOf(world, calm());
  let isLost = false;
  left.passes = (body) => {
    const isThis = flagsIn(body) === flag.chunk && body.readUInt32BE(16) === 20 && !isLost;
    if (isThis) isLost = true;
    return !isThis;
  };
  left.send(world.chance.bytes(100_000));
  t.true(await world.run(minute, isOver(left)));
  t.true(isLost);
  t.is(right.received.length, 1);
  t.is(left.machine.counters['chunks_resent'], 1);
  t.is(left.machine.counters['retry_timeouts'], 0);
});

test('a far side that has begun anew without a word, by a late INIT, gets all chunks again and no second INIT', async (t) => {
  const world = new World(15);
  const [left, right] = pairOf(world, calm(), { sendAhead: false });
  const inits: Buffer[] = [];
  left.passes = (body) => flagsIn(body) !== flag.init || inits.push(body) > 0;
  left.send(world.chance.bytes(5000));
  world.plan(22, () => right.hears(left, inits[0] ?? Buffer.alloc(0)));
  t.true(await world.run(minute, isOver(left)));
  t.is(right.machine.counters['half_open_replaced'], 1);
  t.is(right.received.length, 1);
  t.is(inits.length, 1);
});

test('a message is given up at its own deadline, whatever else is waited for', async (t) => {
  const world = new World(16);
  const [left] = pairOf(world, { ...calm(), loss: 1 });
  left.send(Buffer.from('soon stale'), { deadlineMs: 50 });
  t.true(await world.run(minute, isOver(left)));
  t.is(world.now, instant(50));
});

test('nobody but the receiver can acknowledge a message', async (t) => {
  const world = new World(17);
  const [left, right] = pairOf(world, calm());
  const acks: Buffer[] = [];
  right.passes = (body) => flagsIn(body) !== (flag.done | flag.ack) || acks.push(body) === 0;
  const sent = left.send(Buffer.from('for right only'));
  await world.run(100);
  const stranger = new Station(world, 0xc, calm());
  const read = Buffer.from(acks[0]?.subarray(0, 12) ?? []);
  read.writeUInt16BE(flag.read, 8);
  for (const forged of [acks[0], read]) left.hears(stranger, forged ?? Buffer.alloc(0));
  t.deepEqual(sent?.states, ['sending']);
});

test('a route that is found while a packet is being sent upsets nothing', async (t) => {
  const world = new World(18);
  const [left, right] = pairOf(world, { ...calm(), loss: 0.2 });
  let isInside = false;
  left.passes = () => {
    if (isInside) return true;
    isInside = true;
    left.machine.routeFound(right.address.slice(0, 16) as never, world.now);
    isInside = false;
    return true;
  };
  for (let count = 0; count < 8; count++) left.send(world.chance.bytes(20_000));
  t.true(await world.run(minute, isOver(left)));
  t.is(right.received.length, 8);
  t.is(left.machine.counters['messages_acked'], 8);
});
