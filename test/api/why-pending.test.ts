import test from 'ava';
import { whyPending } from '../../agent/api/why-pending.ts';

const stream = { state: 'waiting', pending: 3, lastAckAgoMs: 100 } as const;

test('a link says why its messages are still here', (t) => {
  t.is(whyPending('hub', true, undefined), null);
  t.is(whyPending('hub', false, { ...stream, pending: 0 }), null);
  t.is(whyPending('hub', false, stream), 'no route to it; hypha doctor hub');
  t.regex(
    whyPending('hub', true, { ...stream, lastAckAgoMs: null }) ?? '',
    /^there is a route, but it has not answered/,
  );
  t.regex(whyPending('hub', true, { ...stream, lastAckAgoMs: 50_000 }) ?? '', /silent for 50 s/);
  t.regex(whyPending('hub', true, stream) ?? '', /^it answers, but takes nothing now: its ring is full/);
  t.is(whyPending('hub', true, { ...stream, state: 'sending' }), null);
  t.is(
    whyPending('hub', true, { ...stream, state: 'sending', lastAckAgoMs: 12_000 }),
    'sent, and not acknowledged for 12 s',
  );
});
