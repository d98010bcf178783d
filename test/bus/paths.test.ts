import test from 'ava';
import type { AgentPlan, SimulatedAgent } from '../sim/agent.ts';
import { calm, revive } from '../sim/faults.ts';
import { AgentScene, linkTo } from '../sim/scene.ts';
import { serving, start } from './kit.ts';

const node = (name: string, peers: string[], to: string[], from: string[]): AgentPlan => ({
  name,
  peers,
  links: to.map((each) => linkTo(each)),
  accepts: from.map((each) => ({ from: each, topics: ['#'] })),
  ring: {},
});

/** A to C, directly and by way of B. */
const diamondOf3 = (): AgentPlan[] => [
  node('a', [], ['b', 'c'], []),
  node('b', ['a'], ['c'], ['a']),
  node('c', ['a', 'b'], [], ['a', 'b']),
];

/** A to C by way of B, and by way of D. */
const diamondOf4 = (): AgentPlan[] => [
  node('a', [], ['b', 'd'], []),
  node('b', ['a'], ['c'], ['a']),
  node('c', ['b', 'd'], [], ['b', 'd']),
  node('d', ['a'], ['c'], ['a']),
];

/** A to B, and B, C, D in a circle. */
const circle = (): AgentPlan[] => [
  node('a', [], ['b'], []),
  node('b', ['a'], ['c'], ['a', 'd']),
  node('c', ['b'], ['d'], ['b']),
  node('d', ['c', 'b'], ['b'], ['c']),
];

const names = ['a', 'b', 'c', 'd'];

/** Everything acknowledged is in these rings, and every stream has nothing left to send. */
const done = (scene: AgentScene, rings: readonly string[]): boolean =>
  scene.ledger.undecided('a') === 0 &&
  rings.every((ring) => scene.ledger.missing(ring, ['a']).length === 0) &&
  scene.agents.every(({ life }) => life?.bus.streams().every(({ pending }) => pending === 0) === true);

/** Doubled, out of order, invented or misplaced. */
const wrong = (scene: AgentScene): string[] =>
  names.flatMap((ring) => [...scene.ledger.faults(ring, ['a']), ...scene.ledger.misplaced(ring)]);

const sums = ({ life }: SimulatedAgent): { stored: number; duplicates: number; refused: number } => {
  const all = { stored: 0, duplicates: 0, refused: 0 };
  for (const { stored, duplicates, refused } of life?.bus.inbound() ?? []) {
    all.stored += stored;
    all.duplicates += duplicates;
    all.refused += refused;
  }
  return all;
};

/** What the links of an agent have dropped, for whatever reason. */
const dropped = ({ life }: SimulatedAgent): number =>
  (life?.ring.cursors() ?? [])
    .filter(({ name }) => name.startsWith('link/'))
    .reduce((sum, { account }) => sum + Object.values(account.dropped).reduce((a, b) => a + b, 0), 0);

for (const [shape, plans, relays] of [
  ['directly and by a relay', diamondOf3(), ['b']],
  ['by two relays', diamondOf4(), ['b', 'd']],
] as const) {
  test(`what comes ${shape} is stored once, and both paths are told that it has arrived`, async (t) => {
    const scene = await serving([...plans]);
    for (let round = 0; round < 20; round++) {
      scene.agent('a').publish(50, 1, (id) => `plant/${id % 3}`);
      await scene.run(5);
    }
    t.true(await scene.until(() => done(scene, ['c', ...relays]), 20_000));
    t.is(scene.ledger.found('c'), 1_000);
    t.is(scene.agent('c').delivered, 1_000);
    t.deepEqual(sums(scene.agent('c')), { stored: 1_000, duplicates: 1_000, refused: 0 });
    t.deepEqual(
      scene.agents.map(dropped),
      plans.map(() => 0),
    );
    t.deepEqual(wrong(scene), []);
  });
}

test('a circle that the origin is no part of stores a record once at each of its nodes', async (t) => {
  const scene = await serving(circle());
  scene.agent('a').publish(40, 1, () => 'plant/1');
  t.true(await scene.until(() => done(scene, ['b', 'c', 'd']), 20_000));
  await scene.run(2_000);
  for (const name of ['b', 'c', 'd']) t.is(scene.ledger.found(name), 40, name);
  t.deepEqual(sums(scene.agent('b')), { stored: 40, duplicates: 40, refused: 0 });
  t.deepEqual(sums(scene.agent('c')), { stored: 40, duplicates: 0, refused: 0 });
});

test('after a restart of everybody the other path’s copy is still known', async (t) => {
  const scene = await serving(diamondOf4());
  const [a, d] = [scene.agent('a'), scene.agent('d')];
  d.die('killed');
  a.publish(300, 1, () => 'plant/1');
  t.true(await scene.until(() => scene.ledger.undecided('a') === 0 && scene.ledger.found('c') === 300, 10_000));
  for (const agent of scene.agents) agent.die('power');
  await Promise.all(scene.agents.map((agent) => start(scene, agent)));
  t.true(await scene.until(() => done(scene, ['b', 'c', 'd']), 60_000));
  t.is(scene.ledger.found('c'), 300);
  t.is(sums(scene.agent('c')).duplicates, 300);
  t.deepEqual(wrong(scene), []);
});

test('a copy is acknowledged to its path only when the first, by another path, is durable', async (t) => {
  const scene = await serving(diamondOf4());
  const [b, c, d] = [scene.agent('b'), scene.agent('c'), scene.agent('d')];
  const acks = (): number => [b, d].flatMap(({ events }) => events).filter(({ kind }) => kind === 'acked').length;
  c.disk.faults.syncMs = 3_000;
  scene.agent('a').publish(10, 1, () => 'plant/1');
  const both = (): boolean => sums(c).stored === 10 && sums(c).duplicates === 10;
  t.true(await scene.until(both, 10_000), 'the copies came while the first were on their way to the disk');
  await scene.run(500);
  t.is(scene.ledger.found('c'), 0);
  t.is(acks(), 0);
  c.die('power');
  c.disk.faults.syncMs = 1;
  await start(scene, c);
  t.true(await scene.until(() => done(scene, ['c']), 60_000));
  t.is(scene.ledger.found('c'), 10);
  t.deepEqual(wrong(scene), []);
});

test('what one path may not bring is refused to it, and taken from the other, in order within each topic', async (t) => {
  const plans = diamondOf4().map((plan) =>
    plan.name === 'c'
      ? {
          ...plan,
          accepts: [
            { from: 'b', topics: ['x'] },
            { from: 'd', topics: ['#'] },
          ],
        }
      : plan,
  );
  const scene = await serving(plans);
  scene.agent('a').publish(30, 1, (id) => (id % 3 === 0 ? 'x' : 'y'));
  t.true(await scene.until(() => done(scene, ['c']), 20_000));
  await scene.run(1_000);
  t.deepEqual(sums(scene.agent('c')), { stored: 30, duplicates: 10, refused: 20 });
  t.deepEqual([dropped(scene.agent('b')), dropped(scene.agent('d'))], [20, 0]);
  const cursor = scene.agent('c').life?.ring.cursor({ name: 'y', filters: ['y'], except: null, from: 'oldest' });
  const reading = cursor?.read(100, 1 << 20);
  await scene.run(1_000);
  const of = ((await reading) ?? []).map((one) =>
    one.kind === 'message' ? Number(Buffer.from(one.body.subarray(1))) : 0,
  );
  t.is(of.length, 20);
  t.deepEqual(
    of,
    [...of].sort((one, other) => one - other),
    'in order within a topic',
  );
});

/** Readings at A while anybody dies at any moment, killed or cut off from its power, and syncs are slow now and then. */
async function troubled(seed: number, plans: readonly AgentPlan[]): Promise<AgentScene> {
  const scene = new AgentScene(seed, plans);
  const { chance } = scene.world;
  for (const agent of scene.agents) revive(agent);
  for (let at = 100; at < 4_000; at += chance.between(5, 60))
    scene.world.plan(at, () => scene.agent('a').publish(chance.between(1, 40), 1, (id) => `plant/${id % 3}`));
  for (let at = 200; at < 4_500; at += chance.between(50, 600)) {
    scene.world.plan(at, () => {
      const agent = chance.pick(scene.agents);
      agent.die(chance.pick(['killed', 'power']));
      agent.disk.faults.syncMs = chance.pick([1, 1, 40, 200]);
      scene.world.plan(chance.between(0, 1_200), () => revive(agent));
    });
  }
  await scene.run(5_000);
  calm(scene);
  return scene;
}

for (const [shape, plans, rings] of [
  ['a diamond of three', diamondOf3(), ['b', 'c']],
  ['a diamond of four', diamondOf4(), ['b', 'c', 'd']],
  ['a circle', circle(), ['b', 'c', 'd']],
] as const) {
  test(`whoever dies in ${shape}, and however often: every reading once at each end`, async (t) => {
    let copies = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const scene = await troubled(seed, plans);
      t.true(await scene.until(() => done(scene, rings), 180_000), `seed ${seed}: not all has arrived`);
      await scene.run(2_000);
      t.deepEqual(wrong(scene), [], `seed ${seed}`);
      t.deepEqual(
        scene.agents.flatMap((agent) => agent.troubles),
        [],
        `seed ${seed}`,
      );
      t.is(
        scene.agents.reduce((sum, agent) => sum + dropped(agent), 0),
        0,
        `seed ${seed}`,
      );
      t.true(scene.ledger.acknowledged > 100, `seed ${seed}: ${scene.ledger.acknowledged} readings`);
      copies += scene.agents.reduce((sum, agent) => sum + sums(agent).duplicates, 0);
    }
    t.true(copies > 1_000, `${copies} copies were refused`);
  });
}
