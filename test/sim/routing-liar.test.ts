import test from 'ava';
import { prepareBlake3 } from '#crypto';
import { Asker } from './routing/asker.ts';
import { Fleet } from './routing/fleet.ts';
import { costsTo, Liar } from './routing/liar.ts';
import { walk } from './routing/loops.ts';
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

/** What a node that has a neighbour with a true way there waits at most, in the dark, while the liar goes on. */
const darkMs = 60_000;
const lyingMs = 300_000;

/** Some neighbour's packets arrive, and not by way of `node`. */
const hasWay = (fleet: Fleet, node: RoutingNode, to: RoutingNode): boolean =>
  fleet.neighboursOf(node).some((neighbour) => {
    const path = walk(neighbour, to);
    return path.at(-1) === to && !path.includes(node);
  });

/** The longest time for which a node that had a way was not served. */
function longestDark(fleet: Fleet, askers: readonly Asker[], victim: RoutingNode): number {
  const { timeline } = fleet;
  const since = new Map<Asker, number>();
  let longest = 0;
  for (const end = timeline.now + lyingMs; timeline.now < end; ) {
    timeline.runUntil(timeline.now + 1_000);
    for (const asker of askers) {
      if (!hasWay(fleet, asker.from, victim)) since.delete(asker);
      else {
        const began = since.get(asker) ?? timeline.now;
        since.set(asker, began);
        longest = Math.max(longest, timeline.now - Math.max(began, asker.servedAt));
      }
    }
  }
  return longest;
}

test('a liar that goes on lying keeps nobody in the dark for more than a minute who has a neighbour with a true way', (t) => {
  let [histories, longest, doubted] = [0, 0, 0];
  for (let seed = 1; seed <= 16; seed++) {
    const fleet = new Fleet(seed, seed % 4 === 0 ? 'ring' : 'random', 30);
    const { timeline, checker, chance, nodes } = fleet;
    timeline.runUntil(60_000);
    const [node, victim] = [fleet.pick(), fleet.pick()];
    if (node === victim) continue;
    const honest = nodes.filter((each) => each !== node && each !== victim);
    const askers = honest.map((each) => new Asker(each, victim, timeline, checker));
    timeline.runUntil(90_000);
    new Liar(fleet, node, victim, chance.pick([0, 1, 40, 20_000]));
    const dark = longestDark(fleet, askers, victim);
    t.deepEqual(checker.faults, [], `seed ${seed}`);
    doubted += honest.reduce((sum, { router }) => sum + (router.counters()['routes_doubted_silent'] ?? 0), 0);
    t.true(dark <= darkMs, `seed ${seed}: ${dark} ms, with a neighbour that had a way`);
    longest = Math.max(longest, dark);
    histories++;
  }
  t.true(histories >= 12 && doubted > 100);
  t.log(`${histories} liars for ${lyingMs / 1000} s each: at most ${longest / 1000} s in the dark`);
});

/** What was sent to the victim 32 s after the liar's end by nodes that are connected with it, and what of it never arrived. */
function servedAfter(fleet: Fleet, liar: Liar, node: RoutingNode, victim: RoutingNode): [sent: number, lost: number] {
  const { timeline, checker, nodes } = fleet;
  liar.stop();
  node.kill();
  timeline.runUntil(timeline.now + 32_000);
  const from = timeline.now;
  timeline.runUntil(from + 40_000);
  const left = new Set(nodes.filter((each) => each.isAlive && costsTo(victim, null).has(each)));
  const due = checker.packets.filter(
    ({ sentAt, from: by }) => sentAt >= from && sentAt < from + 20_000 && left.has(by),
  );
  return [due.length, due.filter(({ deliveredAt }) => deliveredAt === null).length];
}

test('a liar whose numbers leap, so that they go round and round, closes no loop, and all are served 32 s after its end', (t) => {
  let [histories, packets, caught] = [0, 0, 0];
  for (let seed = 1; seed <= 40; seed++) {
    const fleet = new Fleet(seed, shapes[seed % 4 === 2 ? 3 : seed % 4] ?? 'random', 30);
    const { timeline, checker, chance, nodes } = fleet;
    timeline.runUntil(60_000);
    const [node, victim] = [fleet.pick(), fleet.pick()];
    if (node === victim) continue;
    for (const each of nodes) if (each !== node && each !== victim) new Asker(each, victim, timeline, checker);
    timeline.runUntil(90_000);
    const liar = new Liar(fleet, node, victim, chance.pick([200, 16_000, 20_000, 32_767, null]));
    timeline.runUntil(210_000);
    caught += nodes.filter((each) => walk(each, victim).at(-1) === node).length;
    const [sent, lost] = servedAfter(fleet, liar, node, victim);
    t.is(lost, 0, `seed ${seed}`);
    t.deepEqual(checker.faults, [], `seed ${seed}`);
    packets += sent;
    histories++;
  }
  t.true(
    histories >= 30 && packets > 5_000 && caught > 40,
    `${histories} histories, ${packets} packets, ${caught} caught`,
  );
  t.log(
    `${histories} histories: ${caught} nodes believed the liar, no loop; ${packets} packets after its end all arrived`,
  );
});
