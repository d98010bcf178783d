import test from 'ava';
import { instant } from '#kernel';
import { Chance } from '#sim';
import { TransitBudget } from '../../agent/overlay/transit.ts';
import { decodeTransitAccount, encodeTransitAccount } from '../../agent/overlay/transit-account.ts';
import { type Node, Scene } from './nodes.ts';

const hour = 3_600_000;
const count = (node: Node, name: string): number => node.overlay.counters[name] ?? 0;

test('in no 24 hours, whenever they begin, more is carried than a day has', (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const chance = new Chance(seed);
    const budget = new TransitBudget({ bytesPerSecond: null, bytesPerDay: 1_000_000 }, instant(0));
    const passed: { readonly at: number; readonly bytes: number }[] = [];
    for (let now = 0; now < 200 * hour; now += chance.between(1, chance.hits(0.1) ? 30 * hour : hour)) {
      for (let packets = chance.between(1, 40); packets > 0; packets--) {
        const bytes = chance.between(40, 60_000);
        if (budget.take(bytes, instant(now)) === null) passed.push({ at: now, bytes });
      }
    }
    for (const { at: begin } of passed) {
      const ofDay = passed.filter(({ at }) => at >= begin && at < begin + 24 * hour);
      t.true(ofDay.reduce((sum, { bytes }) => sum + bytes, 0) <= 1_000_000, `seed ${seed}`);
    }
    t.true(
      passed.reduce((sum, { bytes }) => sum + bytes, 0) > 4_000_000,
      `seed ${seed}: a day's is given out each day`,
    );
  }
});

test('a node that carries so much a second for others drops the rest, and its own traffic is not counted', async (t) => {
  const scene = new Scene(41);
  const limit = { bytesPerSecond: 20_000, bytesPerDay: null };
  const b = await scene.node('b', [], { transitLimit: limit });
  const a = await scene.node('a', ['b']);
  const c = await scene.node('c', ['b']);
  const began = scene.world.now;
  a.say(c.overlay.publicKey, new Uint8Array(400_000));
  t.true(await scene.until(() => c.received.length === 1, 120_000));
  const passedSeconds = (scene.world.now - began) / 1000;
  t.true(
    count(b, 'transit_bytes') <= 20_000 * passedSeconds + 66_000,
    `${count(b, 'transit_bytes')} in ${passedSeconds} s`,
  );
  t.true(count(b, 'dropped_transit_second') > 0);
  const before = count(b, 'transit_bytes');
  await scene.run(10_000);
  const rest = count(b, 'transit_bytes') - before;
  a.say(b.overlay.publicKey, new Uint8Array(400_000));
  t.true(await scene.until(() => b.received.length === 1, 5_000), 'what is for this node is not held back');
  t.true(count(b, 'transit_bytes') - before - rest < 1_000);
});

/** `a` reaches `c` over `b`, or a longer way over `d`. */
async function square(seed: number): Promise<{ scene: Scene; a: Node; b: Node; c: Node; d: Node }> {
  const scene = new Scene(seed);
  const b = await scene.node('b', [], { transitLimit: { bytesPerSecond: null, bytesPerDay: 300_000 } });
  const d = await scene.node('d');
  scene.network.setPath('a', 'd', { delayMs: 150 });
  const a = await scene.node('a', ['b', 'd']);
  const c = await scene.node('c', ['b', 'd']);
  return { scene, a, b, c, d };
}

test('when the day has been used up, others hear that there is no way here, take another, and may come back an hour later', async (t) => {
  const { scene, a, b, c, d } = await square(42);
  await scene.run(400_000);
  a.say(c.overlay.publicKey, new Uint8Array(200_000));
  t.true(await scene.until(() => c.received.length === 1, 60_000));
  t.true(count(b, 'transit_bytes') > 200_000);
  a.say(c.overlay.publicKey, new Uint8Array(200_000));
  t.true(await scene.until(() => c.received.length === 2, 60_000), 'the rest goes over d');
  t.true(count(d, 'packets_forwarded') > 0);
  t.is(count(b, 'transit_closed'), 1);
  t.true(count(b, 'transit_bytes') <= 300_000);
  const toC = () => a.overlay.routes().find((r) => r.publicKey === c.overlay.publicKey && r.selected)?.nextHop;
  t.regex(toC() ?? '', /d/);
  const dropped = count(b, 'dropped_transit_day');
  a.say(c.overlay.publicKey, new Uint8Array(200_000));
  t.true(await scene.until(() => c.received.length === 3, 60_000));
  t.is(count(b, 'dropped_transit_day'), dropped, 'nobody sends this way any more');
  await scene.run(26 * hour);
  scene.network.partition('a', 'd');
  a.say(c.overlay.publicKey, new Uint8Array(1_000));
  t.true(await scene.until(() => c.received.length === 4, 60_000), 'a day later it is a way again');
});

test('what has been carried counts on over restarts, by powered time', (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const chance = new Chance(seed);
    const limit = { bytesPerSecond: null, bytesPerDay: 1_000_000 };
    let budget = new TransitBudget(limit, instant(0));
    // The clock of each run begins anew; `powered` is what has passed in all of them.
    let [powered, ran] = [0, 0];
    const passed: { readonly at: number; readonly bytes: number }[] = [];
    while (powered < 100 * hour) {
      const step = chance.between(1, hour);
      powered += step;
      ran += step;
      const bytes = chance.between(40, 60_000);
      if (budget.take(bytes, instant(ran)) === null) passed.push({ at: powered, bytes });
      if (!chance.hits(0.2)) continue;
      const kept = decodeTransitAccount(encodeTransitAccount(budget.account(instant(ran))));
      ran = chance.between(0, 1_000_000_000);
      budget = new TransitBudget(limit, instant(ran), kept);
    }
    for (const { at: begin } of passed) {
      const ofDay = passed.filter(({ at }) => at >= begin && at < begin + 24 * hour);
      t.true(ofDay.reduce((sum, { bytes }) => sum + bytes, 0) <= 1_000_000, `seed ${seed}`);
    }
    t.true(passed.reduce((sum, { bytes }) => sum + bytes, 0) > 2_000_000, `seed ${seed}`);
  }
});

test('a node that had used up its day is no way for others after a restart either, and writes once a minute', async (t) => {
  const scene = new Scene(43);
  const secret = new Uint8Array(32).fill(9);
  const writes: { readonly at: number; readonly value: Uint8Array }[] = [];
  const limited = {
    transitLimit: { bytesPerSecond: null, bytesPerDay: 300_000 },
    transitMemory: {
      read: () => writes.at(-1)?.value,
      write: (value: Uint8Array) => writes.push({ at: scene.world.now, value }),
    },
  };
  const b = await scene.nodeOf('b', secret, [], limited);
  const a = await scene.node('a', ['b'], { betterPath: false });
  const c = await scene.node('c', ['b'], { betterPath: false });
  for (let told = 0; told < 20; told++) {
    a.say(c.overlay.publicKey, new Uint8Array(3_000));
    await scene.run(10_000);
  }
  t.true(writes.length >= 3 && writes.length <= 4, `${writes.length} writes in 200 s`);
  t.deepEqual(
    writes.slice(1).filter(({ at }, index) => at - (writes[index]?.at ?? 0) < 60_000),
    [],
  );
  a.say(c.overlay.publicKey, new Uint8Array(400_000));
  t.true(await scene.until(() => count(b, 'transit_closed') === 1, 60_000));
  await b.overlay.stop();
  b.host.crash('killed');
  const again = await scene.nodeOf('b', secret, [], limited);
  await scene.run(60_000);
  t.is(count(again, 'transit_closed'), 1, 'closed from the first');
  t.is(count(again, 'transit_bytes'), 0);
  t.false(a.overlay.reachable(c.overlay.publicKey));
  t.true(await scene.until(() => a.overlay.reachable(c.overlay.publicKey), 26 * hour), 'a day later it is a way again');
});

test('a value that is no account of transit is taken for none', (t) => {
  const account = { hourLeftMs: 5, hours: [1, 2 ** 40, 3] };
  const value = encodeTransitAccount(account);
  t.deepEqual(decodeTransitAccount(value), account);
  for (const wrong of [value.subarray(0, 4), value.subarray(0, -1), value.subarray(0, 5), new Uint8Array(13).fill(255)])
    t.is(decodeTransitAccount(wrong), null);
});
