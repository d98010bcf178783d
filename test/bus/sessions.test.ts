import test from 'ava';
import type { Instant } from '#kernel';
import { noToken } from '../../agent/bus/frame.ts';
import { Outbound } from '../../agent/bus/outbound.ts';
import type { OutboundEffect, OutboundEvent } from '../../agent/bus/outbound-events.ts';
import { streamStart } from '../../agent/bus/position.ts';
import { epoch, keyA, keyB, livesOf, reading } from './samples.ts';

const nonce = '1'.repeat(16);
const token = '2'.repeat(16);
const earlier = '3'.repeat(16);

/** A sending end with a session of `token`, and one batch under way in it. */
function sender(): (event: OutboundEvent) => OutboundEffect['kind'][] {
  const machine = new Outbound({
    self: keyA,
    to: keyB,
    lane: 1,
    lives: livesOf(epoch(1)),
    rule: () => ({ prefix: '', maxQos: 2, retain: true }),
    value: null,
    nonce: () => nonce,
    fraction: () => 0.5,
  });
  const step = (event: OutboundEvent) => machine.step(event, 0 as Instant).map(({ kind }) => kind);
  step({ kind: 'route', reachable: true });
  step({ kind: 'readable' });
  const { epoch: placeEpoch, sequence: placeSequence, ordinal: placeOrdinal } = streamStart;
  const place = { placeEpoch, placeSequence, placeOrdinal };
  step({ kind: 'welcome', frame: { nonce, token, life: epoch(2), ...place, refused: 0 } });
  step({ kind: 'items', items: [reading(1), reading(2)], more: false });
  return step;
}

const ack = (of: string): OutboundEvent => ({
  kind: 'ack',
  frame: { token: of, nonce: noToken, next: 1, held: 0, busy: 0, refused: 0 },
});

test('an acknowledgement of an earlier session settles nothing, and the session’s own does', (t) => {
  const step = sender();
  t.deepEqual(step(ack(earlier)), []);
  t.deepEqual(step(ack(noToken)), []);
  t.true(step(ack(token)).includes('settle'));
});

test('a reset of an earlier session ends nothing, and the session’s own does', (t) => {
  const step = sender();
  t.deepEqual(step({ kind: 'reset', frame: { token: earlier } }), []);
  const ended = step({ kind: 'reset', frame: { token } });
  t.true(ended.includes('rewind'));
  t.deepEqual(step(ack(token)), [], 'nothing of it counts any more');
});

test('a welcome that answers an earlier hello begins nothing', (t) => {
  const step = sender();
  step({ kind: 'reset', frame: { token } });
  t.deepEqual(step({ kind: 'readable' }), ['send'], 'a hello');
  const { epoch: placeEpoch, sequence: placeSequence, ordinal: placeOrdinal } = streamStart;
  const place = { placeEpoch, placeSequence, placeOrdinal };
  const welcome = { token: earlier, life: epoch(2), ...place, refused: 0 };
  t.deepEqual(step({ kind: 'welcome', frame: { nonce: earlier, ...welcome } }), []);
  t.deepEqual(step({ kind: 'welcome', frame: { nonce, ...welcome } }), ['read']);
});
