import type { Duration } from '#kernel';
import { milliseconds } from '#kernel';
import type { Lane } from '#ring';
import type { AgentPlan, SimulatedAgent } from './agent.ts';
import {
  badCourier,
  cutInSync,
  drought,
  lastLosses,
  lateFrames,
  olderFarImage,
  olderImage,
  type Plot,
  planPlots,
  slowReader,
} from './aimed.ts';
import { Bounds, leftovers } from './bounds.ts';
import { Chance } from './chance.ts';
import { calm, planFaults, revive } from './faults.ts';
import { AgentScene, linkTo } from './scene.ts';
import { type Duty, verdict, type Weather } from './verdict.ts';

/** Simulated time of the storm, and within which all must have arrived after it. */
export const stormMs = 5_000;
export const calmMs = 180_000;

/** Where the simulated agents' rings keep their batches. */
const ringLog = '/ring/ring.log';

export interface StormReport {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly acknowledged: number;
  /** Simulated time from the end of the storm until all had arrived. */
  readonly healedMs: number;
  readonly boots: number;
  readonly weather: Weather;
  /** Records that the far ends were told of as lost. */
  readonly lost: number;
}

/** Drawn apart from the rest, so that a seed's plain history is what it always was. */
function weatherOf(seed: number): Weather {
  const drawn = new Chance(seed ^ 0x5eed).fraction();
  if (drawn < 0.5) return 'plain';
  if (drawn < 0.6) return 'images';
  if (drawn < 0.68) return 'far-images';
  return drawn < 0.85 ? 'drops' : 'decay';
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

function dutiesOf(agents: readonly SimulatedAgent[]): readonly Duty[] {
  const first = { ring: 'b', from: 'a', origins: ['a'] };
  if (agents.length === 3) return [first, { ring: 'c', from: 'b', origins: ['a', 'b'] }];
  const answers = agents.some(({ plan }) => plan.name === 'b' && plan.links.length > 0);
  return answers ? [first, { ring: 'a', from: 'b', origins: ['b'] }] : [first];
}

/** One way, so that the far ring is large and sound, and says all that it was told. */
function lossyPlansOf(chance: Chance, weather: Weather, seed: number): AgentPlan[] {
  // Drawn apart: other histories stay what they were.
  const lives = new Chance(seed ^ 0x77f1);
  const ttl = (): Duration | null =>
    weather === 'drops' && lives.hits(0.5) ? milliseconds(lives.between(200, 4_000)) : null;
  const links = topicsOf
    .slice(0, chance.between(1, 3))
    .map((topic, lane) => linkTo('b', { topics: [topic], lane: lane as Lane, name: `b${lane}`, ttl: ttl() }));
  const ring = weather === 'drops' ? ({ sizeBytes: 1 << 20, full: 'drop-oldest' } as const) : {};
  return [
    { name: 'a', peers: [], links, accepts: [], ring },
    { name: 'b', peers: ['a'], links: [], accepts: [{ from: 'a', topics: ['#'] }], ring: { sizeBytes: 32 << 20 } },
  ];
}

/** One history: a storm of faults over a publisher at each agent, then calm, then the account. */
export async function storm(seed: number): Promise<StormReport> {
  const scene = new AgentScene(seed, []);
  const { chance } = scene.world;
  const weather = weatherOf(seed);
  const plots = new Chance(seed ^ 0xa1ed);
  const tight = weather === 'plain' && plots.hits(0.25);
  const drawn = weather === 'plain' ? plansOf(chance.fork()) : lossyPlansOf(chance.fork(), weather, seed);
  const plans = tight ? drawn.map(tightened) : drawn;
  for (const plan of plans) scene.add(plan);
  scene.introduce();
  for (const agent of scene.agents) revive(agent);
  await scene.run(chance.between(0, 50));
  planFaults(scene, chance.fork(), stormMs);
  for (const plot of plotsOf(weather, tight, plots)) planPlots(scene, plots.fork(), stormMs, plot, 3);
  if (plots.hits(0.4)) scene.world.plan(stormMs + 50, () => lastLosses(scene, plots.fork()));
  for (const agent of scene.agents)
    if (agent.plan.links.length > 0) planReadings(scene, chance.fork(), agent.plan.name, weather, tight);
  if (weather === 'decay') planDecay(scene, chance.fork());
  const bounds = new Bounds(scene, stormMs + 30_000);
  await scene.run(stormMs);
  calm(scene);
  const calmAt = scene.world.now;
  const duties = dutiesOf(scene.agents);
  const healed = seldom(scene, () => duties.every((duty) => settled(scene, duty, weather)));
  await scene.until(healed, calmMs);
  const healedMs = scene.world.now - calmAt;
  // The dust settles: last acks, settlements and what the publishers are still owed.
  await scene.run(2_000);
  await proveLife(scene, duties, weather);
  return {
    seed,
    faults: [
      ...duties.flatMap((duty) => verdict(scene, duty, weather)),
      ...bounds.broken,
      ...scene.agents.flatMap(leftovers),
      ...troublesOf(scene),
    ],
    acknowledged: scene.ledger.acknowledged,
    healedMs,
    boots: scene.agents.reduce((sum, agent) => sum + agent.boots, 0),
    weather,
    lost: scene.agents.reduce(
      (sum, { life }) => sum + (life?.bus.inbound() ?? []).reduce((all, { lost }) => all + lost, 0),
      0,
    ),
  };
}

/** Not after each event: looking takes longer than what is looked at. */
function seldom({ world }: AgentScene, done: () => boolean): () => boolean {
  let next = 0;
  return () => {
    if (world.now < next) return false;
    next = world.now + 10;
    return done();
  };
}

/** Whatever has happened: what is published from now on arrives, and nothing stays in memory. */
async function proveLife(scene: AgentScene, duties: readonly Duty[], weather: Weather): Promise<void> {
  for (const { from } of duties) {
    const agent = scene.agent(from);
    // A stream notices at its own first contact that the far ring is an older one.
    const lanes = weather === 'far-images' ? agent.plan.links.length : 1;
    for (let lane = 0; lane < lanes; lane++)
      agent.publish(5, lane as Lane, () => `${topicsOf[lane as Lane].charAt(0)}/1`);
  }
  await scene.run(50);
  await scene.until(
    seldom(scene, () => duties.every((duty) => settled(scene, duty, weather))),
    calmMs,
  );
  await scene.until(() => scene.agents.every((agent) => leftovers(agent).length === 0), calmMs);
}

/** What chance alone would hardly hit is aimed at in some of the histories. */
function plotsOf(weather: Weather, tight: boolean, chance: Chance): readonly Plot[] {
  const plots =
    weather === 'drops'
      ? [drought]
      : weather === 'images'
        ? [olderImage]
        : weather === 'far-images'
          ? [olderFarImage]
          : tight
            ? [slowReader]
            : [];
  for (const plot of [cutInSync, badCourier, lateFrames]) if (chance.hits(0.35)) plots.push(plot);
  return plots;
}

/** The last ring is small beside what comes. */
const tightened = (plan: AgentPlan, index: number, all: readonly AgentPlan[]): AgentPlan => ({
  ...plan,
  ring: { sizeBytes: index === all.length - 1 ? 1 << 20 : 8 << 20 },
});

function planReadings(scene: AgentScene, chance: Chance, name: string, weather: Weather, tight: boolean): void {
  const agent = scene.agent(name);
  const everyMs = weather === 'plain' ? chance.pick([15, 50, 200]) : 15;
  const bodyBytes = weather === 'plain' ? (tight ? 1_000 : 0) : chance.pick([300, 1000, 3000]);
  const lanes = agent.plan.links.length;
  for (let at = 0; at < stormMs; at += chance.between(1, 2 * everyMs)) {
    const lane = chance.between(0, lanes - 1) as Lane;
    const count = chance.hits(0.02) ? chance.between(50, 400) : chance.between(1, 5);
    const topic = `${topicsOf[lane].charAt(0)}/${chance.between(1, 5)}`;
    scene.world.plan(at + chance.fraction(), () => agent.publish(count, lane, () => topic, bodyBytes));
  }
}

/** The near medium turns a few bits over, anywhere in what the ring has written so far. */
function planDecay(scene: AgentScene, chance: Chance): void {
  const flips = chance.between(1, 12);
  for (let flip = 0; flip < flips; flip++) {
    const own = chance.fork();
    scene.world.plan(own.between(500, stormMs), () => decay(scene.agent('a'), own));
  }
}

/** In the log of batches: what checkpoints are for is the ring's own test. Mostly where something has been written. */
function decay({ disk }: SimulatedAgent, chance: Chance): void {
  const size = disk.peek(ringLog)?.length ?? 0;
  const bytes = chance.hits(0.8) ? Math.min(size, 1 << 18) : size;
  if (bytes > 0) disk.flipBit(ringLog, chance.between(0, bytes - 1), chance.between(0, 7));
}

/** All has arrived, and the sender knows it. */
function settled(scene: AgentScene, { ring, from, origins }: Duty, weather: Weather): boolean {
  const sender = scene.agent(from).life;
  if (sender === null || scene.agent(ring).life === null) return false;
  if (scene.ledger.undecided(from) > 0 || sender.bus.streams().some((stream) => stream.pending > 0)) return false;
  // What has expired waits for nobody; that it is told is waited for all the same.
  if (weather === 'drops') return toldOf(scene, ring, from);
  return weather === 'decay' || scene.ledger.missing(ring, origins).length === 0;
}

/** The far end has, or was told of, all that the near ring ever matched. */
function toldOf(scene: AgentScene, ring: string, from: string): boolean {
  const { identity, life } = scene.agent(from);
  const matched = (life?.ring.cursors() ?? [])
    .filter(({ name }) => name.startsWith('link/'))
    .reduce((sum, { account }) => sum + account.matched, 0);
  const streams = (scene.agent(ring).life?.bus.inbound() ?? []).filter((one) => one.from === identity.publicKey);
  return streams.reduce((sum, { stored, lost }) => sum + stored + lost, 0) >= matched;
}

const troublesOf = (scene: AgentScene): string[] =>
  scene.agents.flatMap((agent) => agent.troubles.map((trouble) => `${agent.plan.name}: ${trouble}`));
