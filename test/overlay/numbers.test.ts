import test from 'ava';
import type { RouterEffect } from '../../agent/overlay/router/types.ts';
import { infinite } from '../../agent/overlay/router/types.ts';
import { one, Pair, two } from './router-pair.ts';

const asked = (effects: readonly RouterEffect[]) =>
  effects.flatMap((effect) => (effect.kind === 'ask-taken' ? [[effect.peer, effect.retractions] as const] : []));

test('a number counts as newer only within what its origin may have taken: 300 at once, and one more in four seconds', (t) => {
  for (const [seqno, hop] of [
    [305, two],
    [306, null],
    [20_005, null],
    [32_700, null],
  ] as const) {
    const pair = new Pair();
    pair.announce(one, 20, 5);
    pair.announce(two, 0, seqno);
    pair.announce(one, infinite);
    t.is(pair.hop, hop, `${seqno} after 5`);
  }
  const pair = new Pair();
  pair.announce(one, 20, 5);
  pair.announce(two, 0, 305);
  pair.announce(one, infinite);
  pair.announce(two, infinite);
  pair.announce(one, 20, 306);
  t.is(pair.hop, null, 'all 300 are used up');
  pair.pass(4_000);
  pair.announce(one, 20, 306);
  t.is(pair.hop, one);
});

test('a router that has no way forgets what it announced when all neighbours have taken that, and not before', (t) => {
  const pair = new Pair();
  pair.announce(one, 20, 5);
  pair.announce(two, 300, 5);
  const questions = asked(pair.announce(one, infinite));
  t.is(pair.hop, null, 'the other way is no better than what was announced');
  t.deepEqual(
    questions.map(([peer]) => peer),
    [one, two],
  );
  pair.pass(11_000);
  t.is(pair.hop, null);
  const [, retractions = 0] = questions[0] ?? [];
  pair.taken(one, retractions);
  t.is(pair.hop, null, 'one has not answered');
  pair.taken(two, retractions);
  t.is(pair.hop, two);
});

test('nor is it forgotten within ten seconds, in which others may pass on what is no longer so', (t) => {
  const pair = new Pair();
  pair.announce(one, 20, 5);
  pair.announce(two, 300, 5);
  for (const [peer, retractions] of asked(pair.announce(one, infinite))) pair.taken(peer, retractions);
  pair.pass(9_900);
  t.is(pair.hop, null);
  pair.pass(200);
  t.is(pair.hop, two, 'it wakes by itself');
});

test('a doubted way is given up for one that is barred, if nothing makes that feasible for ten seconds', (t) => {
  const pair = new Pair();
  pair.announce(one, 20, 20_000);
  pair.announce(two, 20, 0);
  t.is(pair.hop, one);
  const said = pair.doubt(one);
  t.false(
    said.some((effect) => effect.kind === 'send' && effect.packet.kind === 'seqno-request'),
    'no number of the origin is newer than both',
  );
  t.is(pair.hop, one);
  pair.pass(9_900);
  t.is(pair.hop, one);
  const questions = asked(pair.pass(200));
  t.is(pair.hop, null);
  for (const [peer, retractions] of questions) pair.taken(peer, retractions);
  pair.pass(10_000);
  t.is(pair.hop, two);
});
