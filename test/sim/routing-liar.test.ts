import test from 'ava';
import { prepareBlake3 } from '#crypto';
import { walk } from './routing/checker.ts';
import { Fleet } from './routing/fleet.ts';
import { costsTo, Liar } from './routing/liar.ts';
import type { RoutingNode } from './routing/node.ts';
import { shapes } from './routing/topology.ts';

test.before(() => prepareBlake3());

/** Metrics are told of when they have moved by 10 and an eighth, at each hop. */
const slack = 1.4;
const slackMs = 60;
/** Links are measured well after so long. */
const settledAt = 900_000;

/** From all to one, now. */
function sendAll(fleet: Fleet, from: readonly RoutingNode[], to: RoutingNode): number {
  const began = fleet.timeline.now;
  for (const node of from) if (node !== to) fleet.checker.send(node, to);
  return began;
}

test('who announces the subnet of another gets only the packets of those that are nearer to it, and none when it is gone', (t) => {
  let [captured, safe, forged] = [0, 0, 0];
  for (let seed = 1; seed <= 40; seed++) {
    const fleet = new Fleet(seed, shapes[seed % 4 === 2 ? 3 : seed % 4] ?? 'random', 30);
    const { timeline, checker, chance, nodes } = fleet;
    timeline.runUntil(60_000);
    const [node, victim] = [fleet.pick(), fleet.pick()];
    if (node === victim) continue;
    const other = chance.pick(nodes.filter((each) => each !== node && each !== victim));
    sendAll(fleet, nodes, victim);
    const liar = new Liar(fleet, node, victim, chance.pick([0, 1, 40, 20_000]));
    timeline.runUntil(settledAt);
    const honest = costsTo(victim, node);
    const lying = costsTo(node, null);
    const isNear = (each: RoutingNode): boolean =>
      (honest.get(each) ?? Number.POSITIVE_INFINITY) * slack + slackMs < (lying.get(each) ?? Number.POSITIVE_INFINITY);
    const near = nodes.filter((each) => each !== node && each !== victim && isNear(each));
    for (const each of nodes) if (walk(each, victim).at(-1) === node) captured++;
    safe += near.length;
    for (const each of near)
      t.is(walk(each, victim).at(-1)?.index, victim.index, `seed ${seed}: ${each.index} is nearer to the victim`);
    const during = sendAll(fleet, near, victim);
    sendAll(fleet, nodes, other);
    timeline.runUntil(timeline.now + 20_000);
    t.is(
      checker.lost(during).length,
      0,
      `seed ${seed}: what is sent to others arrives, and to the victim from near it`,
    );
    liar.stop();
    forged += victim.router.counters()['own_subnet_forged'] ?? 0;
    node.kill();
    const left = nodes.filter((each) => each.isAlive && costsTo(victim, null).has(each));
    timeline.runUntil(timeline.now + 2_000);
    for (let second = 0; second < 30; second += 2) {
      sendAll(fleet, left, victim);
      timeline.runUntil(timeline.now + 2_000);
    }
    const afterwards = sendAll(fleet, left, victim);
    timeline.runUntil(timeline.now + 20_000);
    t.is(checker.lost(afterwards).length, 0, `seed ${seed}: 32 s after the end of the liar`);
    t.deepEqual(checker.faults, [], `seed ${seed}`);
  }
  t.true(captured > 50 && safe > 200 && forged > 0, `${captured} captured, ${safe} safe, ${forged} forged`);
  t.log(`${captured} captured, ${safe} nearer to the victim and safe, ${forged} forged numbers noticed by the victim`);
});
