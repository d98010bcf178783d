import test from 'ava';
import { accountOf } from '#api';
import type { PublicKey } from '#kernel';
import { cursorOf, flowsOf, viewsOf } from '../../agent/links/flow.ts';
import { Gate } from '../../agent/links/gate.ts';
import { closing, removedLimit, removedLinks } from '../../agent/links/removed.ts';
import { keyA, keyB, keyC } from '../bus/samples.ts';
import type { SimulatedAgent } from '../sim/agent.ts';
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

/** All that links have ever been owed here, whatever has become of it. */
function owed(agent: SimulatedAgent): Record<'matched' | 'delivered' | 'abandoned' | 'pending', number> {
  const sum = { matched: 0, delivered: 0, abandoned: 0, pending: 0 };
  for (const { name, account } of agent.life?.ring.cursors() ?? []) {
    if (!name.startsWith('link/')) continue;
    sum.matched += account.matched;
    sum.delivered += account.settled;
    sum.pending += account.pending;
  }
  for (const { account, abandoned } of agent.life?.links.removed() ?? []) {
    sum.matched += account.matched;
    sum.delivered += account.settled;
    sum.abandoned += abandoned;
  }
  return sum;
}

const alive = (scene: AgentScene, agent: SimulatedAgent) =>
  Promise.all([agent.boot(), scene.until(() => agent.life !== null, 5_000)]);

test('a link that is no longer configured is swept, and its account is kept for ever, whenever the power fails', async (t) => {
  for (let cutAt = 1; cutAt <= 24; cutAt++) {
    const [planA, planB] = pair();
    if (planA === undefined || planB === undefined) return t.fail();
    const scene = new AgentScene(8, [planA, planB]);
    const a = scene.agent('a');
    const b = scene.agent('b');
    await Promise.all([alive(scene, a), alive(scene, b)]);
    a.publish(15, 1, () => 'plant/1');
    await scene.until(() => owed(a).delivered === 15, 10_000);
    b.die('killed');
    a.publish(25, 1, () => 'plant/1');
    await scene.run(2_000);
    a.die('killed');
    a.configure({ ...planA, links: [] });
    const cut = a.disk.operations + cutAt;
    a.disk.onOperation = (_, __, number) => {
      if (number === cut) scene.world.plan(0, () => a.die('power'));
    };
    const booted = a.boot();
    await scene.run(3_000);
    a.disk.onOperation = null;
    a.die('power');
    booted.catch(() => t.fail());
    await alive(scene, a);
    await scene.run(1_000);
    t.deepEqual(owed(a), { matched: 40, delivered: 15, abandoned: 25, pending: 0 }, `cut at operation ${cutAt}`);
    t.is(a.life?.links.counters.abandoned, 25);
    t.true(a.life !== null && accountOf(a.life.ring).addsUp);
    t.deepEqual(
      a.life?.ring.cursors().filter(({ name }) => name.startsWith('link/')),
      [],
    );
  }
  return undefined;
});

test('the accounts of links to one contact that come and go add up', async (t) => {
  const [planA, planB] = pair();
  if (planA === undefined || planB === undefined) return t.fail();
  const scene = new AgentScene(10, [planA, planB]);
  const a = scene.agent('a');
  for (let round = 1; round <= 3; round++) {
    a.configure(planA);
    await alive(scene, a);
    a.publish(10, 1, () => 'plant/1');
    await scene.run(100);
    a.die('killed');
    a.configure({ ...planA, links: [] });
    await alive(scene, a);
    t.deepEqual(owed(a), { matched: 10 * round, delivered: 0, abandoned: 10 * round, pending: 0 });
    t.is(a.life?.links.removed().length, 1);
    a.die('killed');
  }
  return undefined;
});

test('closed accounts are bounded: those of many contacts are added up in one', (t) => {
  const states = new Map<string, Uint8Array>();
  const ring = { states: (prefix: string) => [...states].filter(([key]) => key.startsWith(prefix)) };
  const account = {
    matched: 7,
    settled: 2,
    dropped: { full: 1, damaged: 0, expired: 0, refused: 1, superseded: 0 },
    pending: 3,
  };
  for (let contact = 0; contact < removedLimit + 50; contact++) {
    const name = `link/${contact.toString(16).padStart(64, '0')}/1`;
    const { key, value } = closing(ring, name, account);
    if (value !== null) states.set(key, value);
  }
  const kept = removedLinks(ring);
  t.is(kept.length, removedLimit + 1);
  t.is(kept.find(({ cursor }) => cursor === 'link/others')?.abandoned, 150);
  t.is(
    kept.reduce((sum, link) => sum + link.account.matched, 0),
    7 * (removedLimit + 50),
  );
});
