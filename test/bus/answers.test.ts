import test from 'ava';
import type { Instant } from '#kernel';
import { sequence } from '#kernel';
import { answersOutLimit } from '../../agent/bus/answers.ts';
import { Budget } from '../../agent/bus/budget.ts';
import { frameKinds, noToken } from '../../agent/bus/frame.ts';
import { Inbound } from '../../agent/bus/inbound.ts';
import type { InboundEvent } from '../../agent/bus/inbound-events.ts';
import { StreamMemory } from '../../agent/bus/memory.ts';
import { streamStart } from '../../agent/bus/position.ts';
import { epoch, keyA, keyB, livesOf } from './samples.ts';

const nonce = '1'.repeat(16);
const token = '2'.repeat(16);

/** A receiving end, and the kinds of the frames that it sends on an event. */
function receiver(): (event: InboundEvent) => number[] {
  const machine = new Inbound({
    self: keyB,
    from: keyA,
    lane: 1,
    lives: livesOf(epoch(1)),
    memory: new StreamMemory(keyA, 1),
    budget: new Budget(1 << 20),
    accepts: () => true,
    hasStored: () => false,
    append: () => ({ ok: true, first: sequence(1), last: sequence(1) }),
    token: () => token,
  });
  return (event) =>
    machine.step(event, 0 as Instant).flatMap((effect) => (effect.kind === 'send' ? [Number(effect.payload[1])] : []));
}

const hello = (of: string, ask = nonce): InboundEvent => {
  const { epoch: placeEpoch, sequence: placeSequence, ordinal: placeOrdinal } = streamStart;
  return { kind: 'hello', frame: { nonce: ask, token: of, life: epoch(1), placeEpoch, placeSequence, placeOrdinal } };
};
const sent: InboundEvent = { kind: 'sent', taken: true };

test('a receiving stream has three answers under way at the most, and what is due waits its turn', (t) => {
  const step = receiver();
  t.deepEqual(step(hello(noToken)), [frameKinds.welcome]);
  for (let out = 1; out < answersOutLimit; out++) t.deepEqual(step(hello(token)), [frameKinds.ack]);
  t.deepEqual(step(hello(noToken)), [], 'a late copy of the first hello');
  t.deepEqual(step(hello('3'.repeat(16))), [], 'a question about another session');
  t.deepEqual(step(hello(token)), []);
  t.deepEqual(step({ kind: 'durable', upTo: sequence(1) }), [], 'a sync makes no room for a welcome');
  t.deepEqual(step(sent), [frameKinds.welcome]);
  t.deepEqual(step(sent), [frameKinds.reset]);
  t.deepEqual(step(sent), [frameKinds.ack]);
  t.deepEqual(step(sent), []);
});
