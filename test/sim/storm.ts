import type { Lane } from '#ring';
import type { AgentPlan } from './agent.ts';
import type { Chance } from './chance.ts';
import { calm, planFaults, revive } from './faults.ts';
import { AgentScene, linkTo } from './scene.ts';

/** Simulated time of the storm, and within which all must have arrived after it. */
export const stormMs = 5_000;
export const calmMs = 180_000;

export interface StormReport {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly acknowledged: number;
  /** Simulated time from the end of the storm until all had arrived. */
  readonly healedMs: number;
  readonly boots: number;
}

const topicsOf = ['u/#', 'n/#', 'b/#'] as const;

/** Two agents with links both ways, or three in a line; one to three lanes; the ring large or small. */
function plansOf(chance: Chance): AgentPlan[] {
  const lanes = chance.between(1, 3);
  const ring = chance.hits(0.2) ? { sizeBytes: 1 << 20 } : {};
  const links = (to: string) =>
    topicsOf
      .slice(0, lanes)
      .map((topic, lane) => linkTo(to, { topics: [topic], lane: lane as Lane, name: `${to}${lane}` }));
  const accepts = (from: string) => [{ from, topics: ['#'] }];
  if (chance.hits(0.6)) {
    return [
      { name: 'a', peers: [], links: links('b'), accepts: accepts('b'), ring },
      { name: 'b', peers: ['a'], links: links('a'), accepts: accepts('a'), ring },
    ];
  }
  return [
    { name: 'a', peers: ['b'], links: links('b'), accepts: [], ring },
    { name: 'b', peers: [], links: links('c'), accepts: accepts('a'), ring },
    { name: 'c', peers: ['b'], links: [], accepts: accepts('b'), ring },
  ];
}

/** Which ring has to have whose readings. */
interface Duty {
  readonly ring: string;
  readonly from: string;
  readonly origins: readonly string[];
}

const dutiesOf = (agents: number): readonly Duty[] =>
  agents === 2
    ? [
        { ring: 'b', from: 'a', origins: ['a'] },
        { ring: 'a', from: 'b', origins: ['b'] },
      ]
    : [
        { ring: 'b', from: 'a', origins: ['a'] },
        { ring: 'c', from: 'b', origins: ['a', 'b'] },
      ];

/** One history: a storm of faults over a publisher at each agent, then calm, then the account. */
export async function storm(seed: number): Promise<StormReport> {
  const scene = new AgentScene(seed, []);
  const { chance } = scene.world;
  for (const plan of plansOf(chance.fork())) scene.add(plan);
  scene.introduce();
  for (const agent of scene.agents) revive(agent);
  await scene.run(chance.between(0, 50));
  planFaults(scene, chance.fork(), stormMs);
  for (const agent of scene.agents)
    if (agent.plan.links.length > 0) planReadings(scene, chance.fork(), agent.plan.name);
  await scene.run(stormMs);
  calm(scene);
  const calmAt = scene.world.now;
  const duties = dutiesOf(scene.agents.length);
  await scene.until(() => duties.every((duty) => settled(scene, duty)), calmMs);
  const healedMs = scene.world.now - calmAt;
  // The dust settles: last acks, settlements and what the publishers are still owed.
  await scene.run(2_000);
  return {
    seed,
    faults: duties.flatMap((duty) => faultsOf(scene, duty)).concat(troublesOf(scene)),
    acknowledged: scene.ledger.acknowledged,
    healedMs,
    boots: scene.agents.reduce((sum, agent) => sum + agent.boots, 0),
  };
}

function planReadings(scene: AgentScene, chance: Chance, name: string): void {
  const agent = scene.agent(name);
  const everyMs = chance.pick([15, 50, 200]);
  const lanes = agent.plan.links.length;
  for (let at = 0; at < stormMs; at += chance.between(1, 2 * everyMs)) {
    const lane = chance.between(0, lanes - 1) as Lane;
    const count = chance.hits(0.02) ? chance.between(50, 400) : chance.between(1, 5);
    const topic = `${topicsOf[lane].charAt(0)}/${chance.between(1, 5)}`;
    scene.world.plan(at + chance.fraction(), () => agent.publish(count, lane, () => topic));
  }
}

/** All has arrived, and the sender knows it. */
function settled(scene: AgentScene, { ring, from, origins }: Duty): boolean {
  const sender = scene.agent(from).life;
  if (sender === null || scene.agent(ring).life === null) return false;
  if (sender.bus.streams().some((stream) => stream.pending > 0)) return false;
  return scene.ledger.missing(ring, origins).length === 0;
}

function faultsOf(scene: AgentScene, duty: Duty): string[] {
  const { ring, from, origins } = duty;
  const { ledger } = scene;
  const faults = ledger.faults(
    ring,
    scene.agents.map((agent) => agent.plan.name),
  );
  const missing = ledger.missing(ring, origins);
  const first = missing[0];
  if (first !== undefined) {
    faults.push(`${ring}: ${missing.length} acknowledged readings missing, the first ${first.id} of ${first.at}`);
  }
  const unshared = ledger.unshared(from, ring, origins);
  if (unshared > 0) faults.push(`${ring}: ${unshared} readings that are in ring ${from} are missing`);
  return [...faults, ...ledger.misplaced(ring), ...accountFaults(scene, duty)];
}

/** accepted = delivered + dropped + pending, and what the far end counts is what it has. */
function accountFaults(scene: AgentScene, { ring, from, origins }: Duty): string[] {
  const sender = scene.agent(from).life;
  const receiver = scene.agent(ring).life;
  if (sender === null || receiver === null) return [`${from} or ${ring} is not running`];
  const faults: string[] = [];
  for (const { name, account } of sender.ring.cursors()) {
    if (!name.startsWith('link/')) continue;
    const dropped = Object.values(account.dropped).reduce((sum, count) => sum + count, 0);
    if (account.matched !== account.settled + dropped + account.pending || dropped + account.pending > 0) {
      faults.push(`${from}: cursor ${name.slice(-4)} does not add up: ${JSON.stringify(account)}`);
    }
  }
  const key = scene.agent(from).identity.publicKey;
  const stored = receiver.bus.inbound().reduce((sum, one) => sum + (one.from === key ? one.stored : 0), 0);
  const found = scene.ledger.foundOf(ring, origins);
  if (stored !== found) faults.push(`${ring}: says ${stored} stored of ${from}, and ${found} are there`);
  return faults;
}

const troublesOf = (scene: AgentScene): string[] =>
  scene.agents.flatMap((agent) => agent.troubles.map((trouble) => `${agent.plan.name}: ${trouble}`));
