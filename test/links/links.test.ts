import test from 'ava';
import type { PublicKey } from '#kernel';
import { cursorOf, flowsOf, viewsOf } from '../../agent/links/flow.ts';
import { Gate } from '../../agent/links/gate.ts';
import { keyA, keyB, keyC } from '../bus/samples.ts';
import { AgentScene, linkTo, pair } from '../sim/scene.ts';

const contacts = new Map<string, PublicKey>([
  ['hub', keyA],
  ['gw-7', keyB],
  ['gw-8', keyC],
]);

test('links to one contact on one lane share a cursor, whose filters are those of all', (t) => {
  const rules = [
    linkTo('hub', { topics: ['plant/#', 'a'] }),
    linkTo('hub', { topics: ['a', 'b/+'] }),
    linkTo('hub', { topics: ['alarm/#'], lane: 0 }),
  ];
  const flows = flowsOf(rules, contacts);
  t.deepEqual(
    flows.map(({ cursor, filters }) => [cursor, filters]),
    [
      [cursorOf(keyA, 1), ['plant/#', 'a', 'b/+']],
      [cursorOf(keyA, 0), ['alarm/#']],
    ],
  );
  t.deepEqual(
    viewsOf(rules, contacts).map(({ cursor }) => cursor),
    [cursorOf(keyA, 1), cursorOf(keyA, 1), cursorOf(keyA, 0)],
  );
});

test('the first link that takes a topic gives the prefix and the options', (t) => {
  const [flow] = flowsOf(
    [
      linkTo('hub', { topics: ['plant/1/#'], prefix: 'first/', qos: 0, retain: false }),
      linkTo('hub', { topics: ['plant/#'], prefix: 'second/', qos: 1 }),
    ],
    contacts,
  );
  t.deepEqual(flow?.ruleFor('plant/1/x'), { prefix: 'first/', maxQos: 0, retain: false });
  t.deepEqual(flow?.ruleFor('plant/2'), { prefix: 'second/', maxQos: 1, retain: true });
  t.is(flow?.ruleFor('other'), null);
});

test('nothing comes in that no rule names, and {contact} is the sender’s own name', (t) => {
  const gate = new Gate(
    [
      { from: '*', topics: ['{contact}/#'] },
      { from: 'gw-7', topics: ['shared/+'] },
    ],
    contacts,
    [],
  );
  t.true(gate.accepts(keyB, 'gw-7/meter/1'));
  t.false(gate.accepts(keyC, 'gw-7/meter/1'));
  t.true(gate.accepts(keyB, 'shared/x'));
  t.false(gate.accepts(keyC, 'shared/x'));
  t.false(gate.accepts('dd'.repeat(32) as PublicKey, 'gw-7/meter/1'));
});

test('a node is known when something may come from it or goes to it, and only the first may publish', (t) => {
  const gate = new Gate([{ from: 'gw-7', topics: ['#'] }], contacts, [keyA]);
  t.deepEqual(
    [keyA, keyB, keyC].map((key) => gate.knows(key)),
    [true, true, false],
  );
  t.false(gate.accepts(keyA, 'plant/1'));
});

test('the far topic carries the link’s prefix, and the accept rule sees it', async (t) => {
  const [planA, planB] = pair();
  if (planA === undefined || planB === undefined) return t.fail();
  const scene = new AgentScene(7, [
    { ...planA, links: [linkTo('b', { topics: ['plant/#'], prefix: 'a/' })] },
    { ...planB, accepts: [{ from: '*', topics: ['{contact}/plant/1'] }] },
  ]);
  const [a, b] = scene.agents;
  await Promise.all([a?.boot(), b?.boot(), scene.until(() => scene.agents.every(({ life }) => life !== null), 5_000)]);
  a?.publish(10, 1, (id) => `plant/${id % 2}`);
  a?.publish(10, 1, () => 'elsewhere');
  await scene.until(() => b?.life?.bus.inbound()[0]?.refused === 5, 10_000);
  await scene.run(500);
  t.is(b?.life?.bus.inbound()[0]?.stored, 5);
  t.is(scene.ledger.found('b'), 5);
  return undefined;
});

test('a link whose topics change at a restart carries the new ones, and what it owed of the old is refused by name', async (t) => {
  const [planA, planB] = pair();
  if (planA === undefined || planB === undefined) return t.fail();
  const scene = new AgentScene(9, [{ ...planA, links: [linkTo('b', { topics: ['old/#', 'both'] })] }, planB]);
  const [a, b] = scene.agents;
  const up = async (agent = a): Promise<void> => {
    await Promise.all([agent?.boot(), scene.until(() => (agent?.life ?? null) !== null, 5_000)]);
  };
  const accountOf = () => a?.life?.ring.cursors().find(({ name }) => name.startsWith('link/'))?.account;
  await up();
  for (const topic of ['old/1', 'new/1', 'both']) a?.publish(10, 1, () => topic);
  await scene.run(100);
  a?.die('killed');
  a?.configure({ ...planA, links: [linkTo('b', { topics: ['new/#', 'both'] })] });
  await up();
  for (const topic of ['old/1', 'new/1', 'both']) a?.publish(10, 1, () => topic);
  await up(b);
  t.true(await scene.until(() => accountOf()?.matched === 40 && accountOf()?.pending === 0, 10_000));
  await scene.run(1_000);
  t.is(accountOf()?.settled, 30, 'both of before and after, new of after');
  t.is(accountOf()?.dropped.refused, 10, 'old of before: no link takes it any more');
  t.is(scene.ledger.found('b'), 30);
  t.is(b?.life?.bus.inbound()[0]?.stored, 30);
  t.deepEqual(scene.ledger.faults('b', ['a']), []);
  return undefined;
});

test('a link that is no longer configured is swept: its cursor is gone and its backlog said aloud', async (t) => {
  const [planA, planB] = pair();
  if (planA === undefined || planB === undefined) return t.fail();
  const scene = new AgentScene(8, [planA, planB]);
  const [a] = scene.agents;
  const up = async (): Promise<void> => {
    await Promise.all([a?.boot(), scene.until(() => (a?.life ?? null) !== null, 5_000)]);
  };
  await up();
  a?.publish(25, 1, () => 'plant/1');
  await scene.run(100);
  a?.die('killed');
  a?.configure({ ...planA, links: [] });
  await up();
  t.is(a?.life?.links.counters.abandoned, 25);
  t.deepEqual(
    a?.life?.ring.cursors().filter(({ name }) => name.startsWith('link/')),
    [],
  );
  return undefined;
});
