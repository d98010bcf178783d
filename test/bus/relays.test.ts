import test from 'ava';
import type { AgentScene } from '../sim/scene.ts';
import { inboundOf, serving, sound, start, streamOf } from './kit.ts';
import { clientPlan, type Relays, relayPlan } from './relay-kit.ts';
import type { Lies } from './relay-liar.ts';
import { forgetsFirst, liar } from './relay-liar.ts';

const minute = 60_000;
const there = (scene: AgentScene, ring: 'a' | 'b', from: 'a' | 'b') =>
  scene.ledger.undecided(from) === 0 && scene.ledger.missing(ring, [from]).length === 0;
const pending = (scene: AgentScene, name: string) => streamOf(scene.agent(name))?.pending;
const lettersAt = (relays: Relays, name = 'r', recipient: string | null = null) =>
  relays
    .get(name)
    ?.status()
    .mailboxes.reduce((sum, box) => sum + (recipient === null || box.recipient === recipient ? box.letters : 0), 0);

/** Its sleep is a power-off. */
async function awake(scene: AgentScene, name: string, forMs: number): Promise<void> {
  await start(scene, scene.agent(name));
  await scene.run(forMs);
}

async function alternating(relays: Relays, names = ['r'], changes = {}, lies: Lies | null = null): Promise<AgentScene> {
  const scene = await serving([
    ...names.map((name) => relayPlan(name, relays, changes, lies)),
    clientPlan('a', 'b', names, names),
    clientPlan('b', 'a', names, names),
  ]);
  scene.agent('a').die('power');
  scene.agent('b').die('power');
  return scene;
}

test('two nodes that are never online at once exchange messages both ways, and each learns that its own arrived', async (t) => {
  const relays: Relays = new Map();
  const scene = await alternating(relays);
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  await awake(scene, 'a', 1_000);
  a.publish(700, 1, (id) => `plant/${id % 3}`);
  await scene.run(2 * minute);
  t.true((lettersAt(relays) ?? 0) >= 3, 'stored at the relay');
  t.is(pending(scene, 'a'), 700, 'the sender keeps its copy');
  t.true(a.events.some(({ kind }) => kind === 'left'));
  a.die('power');

  await awake(scene, 'b', 10_000);
  t.true(there(scene, 'b', 'a'));
  t.is(inboundOf(b)?.duplicates, 0);
  b.publish(300, 1, () => 'set/1');
  await scene.run(2 * minute);
  b.die('power');

  await awake(scene, 'a', 30_000);
  t.true(there(scene, 'a', 'b'));
  t.is(pending(scene, 'a'), 0, 'the receipt has come');
  a.die('power');
  await awake(scene, 'b', 30_000);
  t.is(pending(scene, 'b'), 0);
  t.is(lettersAt(relays), 0, 'nothing lies there any more');
  t.deepEqual(sound(scene, 'b'), []);
  t.deepEqual(sound(scene, 'a'), []);
});

test('a relay that forgets what it has confirmed costs a delay and no message: all is left again', async (t) => {
  const relays: Relays = new Map();
  const scene = await alternating(relays);
  const [a, b, r] = [scene.agent('a'), scene.agent('b'), scene.agent('r')];
  const empty = r.image();
  await awake(scene, 'a', 1_000);
  a.publish(600, 1, () => 'plant/1');
  await scene.run(2 * minute);
  t.true((lettersAt(relays) ?? 0) > 0);
  r.die('power');
  r.restore(empty);
  await awake(scene, 'r', 1_000);
  t.is(lettersAt(relays), 0);
  await scene.run(30 * minute);
  a.die('power');
  await awake(scene, 'b', 20_000);
  t.true(there(scene, 'b', 'a'));
  b.die('power');
  await awake(scene, 'a', 20_000);
  t.is(pending(scene, 'a'), 0);
  t.deepEqual(sound(scene, 'b'), []);
});

test('a relay that has vanished costs a delay: another of the contact’s is used, and nothing is stored twice', async (t) => {
  const relays: Relays = new Map();
  const scene = await alternating(relays, ['r', 's']);
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  await awake(scene, 'a', 1_000);
  a.publish(600, 1, () => 'plant/1');
  await scene.run(2 * minute);
  const [holder, other] = (lettersAt(relays, 'r') ?? 0) > 0 ? ['r', 's'] : ['s', 'r'];
  scene.agent(holder).die('power');
  await scene.run(30 * minute);
  t.true((lettersAt(relays, other) ?? 0) > 0, 'left again elsewhere');
  a.die('power');
  await awake(scene, 'b', 20_000);
  t.true(there(scene, 'b', 'a'));
  await awake(scene, holder, 60_000);
  t.is(inboundOf(b)?.stored, 600, 'what comes of both relays is stored once');
  t.is(lettersAt(relays, holder, b.identity.publicKey), 0);
  t.deepEqual(sound(scene, 'b'), []);
});

test('a mailbox that is full refuses: the sender keeps its records, and goes on when there is room', async (t) => {
  const relays: Relays = new Map();
  const scene = await alternating(relays, ['r'], { recipientLetters: 2 });
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  await awake(scene, 'a', 1_000);
  a.publish(1500, 1, () => 'plant/1');
  await scene.run(2 * minute);
  t.is(lettersAt(relays), 2);
  t.true((relays.get('r')?.counters.refused['recipient-full'] ?? 0) > 0);
  a.die('power');
  for (let round = 0; round < 8; round++) {
    await awake(scene, 'b', 20_000);
    b.die('power');
    await awake(scene, 'a', 3 * minute);
    a.die('power');
  }
  await awake(scene, 'b', 20_000);
  t.true(there(scene, 'b', 'a'));
  t.deepEqual(sound(scene, 'b'), []);
});

test('when the contact is reached again messages go straight to it, and what lies at the relay is stored once', async (t) => {
  const relays: Relays = new Map();
  const scene = await alternating(relays);
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  await awake(scene, 'a', 1_000);
  a.publish(600, 1, () => 'plant/1');
  await scene.run(2 * minute);
  await awake(scene, 'b', 20_000);
  a.publish(100, 1, () => 'plant/1');
  await scene.run(10_000);
  t.true(there(scene, 'b', 'a'));
  t.is(pending(scene, 'a'), 0);
  t.is(inboundOf(b)?.stored, 700);
  await scene.run(2 * minute);
  t.is(lettersAt(relays), 0);
  t.deepEqual(sound(scene, 'b'), []);
});

test('whoever loses power at any moment, and the relay too: every message arrives once', async (t) => {
  for (let seed = 0; seed < 4; seed++) {
    const relays: Relays = new Map();
    const scene = await alternating(relays);
    const [a, b, r] = [scene.agent('a'), scene.agent('b'), scene.agent('r')];
    for (let round = 0; round < 6; round++) {
      await awake(scene, 'a', 1_000);
      a.publish(120, 1, (id) => `plant/${id % 3}`);
      await scene.run(20_000 + 7_001 * seed + 4_003 * round);
      a.die('power');
      if (round % 2 === 1) {
        r.die('power');
        await awake(scene, 'r', 100);
      }
      await awake(scene, 'b', 900 + 311 * seed + 170 * round);
      b.die('power');
    }
    for (let round = 0; round < 3; round++) {
      await awake(scene, 'a', 40 * minute);
      a.die('power');
      await awake(scene, 'b', minute);
      b.die('power');
    }
    await awake(scene, 'a', minute);
    t.true(there(scene, 'b', 'a'), `seed ${seed}`);
    t.is(pending(scene, 'a'), 0, `seed ${seed}`);
    t.deepEqual(sound(scene, 'b'), []);
  }
});

test('a relay that drops, delays, swaps and repeats letters, and confirms what it has thrown away, costs a delay alone', async (t) => {
  for (let seed = 1; seed <= 3; seed++) {
    const relays: Relays = new Map();
    const lies = liar(seed);
    const scene = await alternating(relays, ['r'], {}, lies);
    const [a, b] = [scene.agent('a'), scene.agent('b')];
    for (let round = 0; round < 8; round++) {
      await awake(scene, 'a', 1_000);
      if (round < 4) a.publish(500, 1, (id) => `plant/${id % 3}`);
      if (round === 7) lies.end();
      await scene.run(3 * minute * 2 ** round);
      a.die('power');
      await awake(scene, 'b', 5 * minute);
      b.die('power');
    }
    await awake(scene, 'a', 2 * minute);
    t.true(there(scene, 'b', 'a'), `seed ${seed}`);
    t.is(pending(scene, 'a'), 0, `seed ${seed}`);
    t.true(lies.told() > 20, `${lies.told()} lies`);
    t.deepEqual(sound(scene, 'b'), []);
  }
});

test('when a letter is missing the receiver says so, and the sender leaves it again at its next waking', async (t) => {
  const relays: Relays = new Map();
  const lies = forgetsFirst();
  const scene = await alternating(relays, ['r'], {}, lies);
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  await awake(scene, 'a', 1_000);
  a.publish(600, 1, () => 'plant/1');
  await scene.run(2 * minute);
  a.die('power');
  await awake(scene, 'b', 2 * minute);
  t.is(lies.told(), 1);
  t.is(inboundOf(b)?.stored ?? 0, 0, 'nothing is stored out of its turn');
  b.die('power');
  await awake(scene, 'a', 2 * minute);
  a.die('power');
  await awake(scene, 'b', 2 * minute);
  t.true(there(scene, 'b', 'a'));
  t.is(inboundOf(b)?.lost, 0);
  t.deepEqual(sound(scene, 'b'), []);
});
