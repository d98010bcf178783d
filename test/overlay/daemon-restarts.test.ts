import test from 'ava';
import { identityOf } from '#crypto';
import type { Env, Log, PublicKey } from '#kernel';
import { createDaemonOverlay, type MessageState } from '#overlay';
import { SimulatedDisk, SimulatedNetwork, simulatedRandom, World } from '#sim';
import { daemonStorm } from './daemon-storm.ts';
import { StockTwin, type Twins, twinPort } from './stock-twin.ts';

/** Seed 2 had a storm of questions, in which each answer was the reason for the next one. */
const seeds = [2, 3, 4, 7, 8];

test('agents and the stock daemons below them die at random: nothing is taken out that is not durable, lost or doubled', async (t) => {
  const sums = { agents: 0, daemons: 0, readings: 0, plain: 0 };
  for (const seed of seeds) {
    const report = await daemonStorm(seed);
    t.deepEqual(report.faults, [], `seed ${seed}`);
    t.is(report.idleMessages, 0, `seed ${seed}: messages while nobody has anything to say`);
    sums.agents += report.agentLives;
    sums.daemons += report.daemonLives;
    sums.readings += report.readings;
    sums.plain += report.plain;
  }
  t.true(sums.agents >= 4 * seeds.length && sums.daemons >= 5 * seeds.length, JSON.stringify(sums));
  t.true(sums.readings >= 300 * seeds.length && sums.plain >= 80 * seeds.length, JSON.stringify(sums));
});

test('one seed is one history of agents and daemons', async (t) => {
  t.deepEqual(await daemonStorm(7), await daemonStorm(7));
});

const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };

/** An agent's end over a daemon, and a far daemon that is not running yet. */
function alone(seed: number) {
  const world = new World(seed);
  const network = new SimulatedNetwork(world);
  const twins: Twins = new Map();
  const [ours, theirs] = [identityOf(world.chance.bytes(32)), identityOf(world.chance.bytes(32))];
  const twin = new StockTwin(network, twins, 'daemon', ours, world.chance.fork());
  const far = new StockTwin(network, twins, 'far', theirs, world.chance.fork());
  const { clock, net } = network.boot('agent');
  const random = simulatedRandom(world.chance.fork());
  const env: Env = { clock, net, random, log: quiet, disk: new SimulatedDisk(world) };
  const overlay = createDaemonOverlay(env, ours, {
    at: { host: 'daemon', port: twinPort },
    topics: () => [],
    isForLater: () => false,
    admit: () => true,
    received: () => {},
  });
  const send = (text: string, changed: (state: MessageState) => void = () => undefined) => {
    const states: MessageState[] = [];
    const told = (state: MessageState): void => {
      states.push(state);
      changed(state);
    };
    const plain = { topic: Buffer.from('t'), replyTo: null, deadlineMs: null, changed: told };
    overlay.send({ ...plain, to: theirs.publicKey as PublicKey, payload: Buffer.from(text) });
    return states;
  };
  const until = (done: () => boolean): Promise<boolean> => world.run(world.now + 30_000, done);
  return { world, twin, far, overlay, send, until };
}

test('what a daemon that was restarted says of a message of before says nothing of those that came after', async (t) => {
  const { world, twin, far, overlay, send, until } = alone(1);
  twin.boot();
  void overlay.start();
  t.true(await until(() => overlay.daemon?.().state === 'ready'));
  const after: MessageState[][] = [];
  const again = (state: MessageState): void => {
    if (state === 'aborted' && after.length === 0) after.push(send('after'));
  };
  for (const text of ['one', 'two', 'three']) send(text, again);
  t.true(await until(() => twin.taken.length === 3));
  // It is back within the second of its first start, so that only what it does not know any more tells of it.
  let statusAsked = 0;
  twin.thinkMs = ({ method, parts }) => {
    if (method === 'POST') return 0;
    return parts[1] === 'status' && ++statusAsked === 3 ? 400 : 5;
  };
  twin.die();
  await world.run(world.now + 20);
  twin.boot();
  t.true(await until(() => statusAsked >= 3 && twin.taken.length === 4));
  t.is(overlay.counters['daemon_restarts'], 0);
  await world.run(world.now + 1000);
  t.deepEqual(after, [[]]);
  far.boot();
  t.true(await until(() => after[0]?.includes('received') === true));
  t.true(far.arrived.has(Buffer.from('after').toString('base64')));
});

test('who is told that a node answers after all is told once, not with every answer', async (t) => {
  const { world, twin, far, overlay, send, until } = alone(2);
  twin.boot();
  void overlay.start();
  t.true(await until(() => overlay.daemon?.().state === 'ready'));
  const told: boolean[] = [];
  const questions: MessageState[][] = [];
  overlay.onRoute((_, reachable) => {
    told.push(reachable);
    if (reachable) questions.push(send(`question ${questions.length}`));
  });
  far.boot();
  questions.push(send('hello'));
  t.true(await until(() => questions[0]?.includes('received') === true));
  await world.run(world.now + 20_000);
  // The route that the daemon has found is told of, and is one reason more to ask.
  t.true(told.length <= 1, JSON.stringify(told));
  t.true(questions.every((states) => states.includes('received')));
});
