import type { SimulatedAgent } from '../sim/agent.ts';
import { AgentScene, pair } from '../sim/scene.ts';

const seed = 20261123;

/** Agents that serve. */
export async function serving(plans = pair()): Promise<AgentScene> {
  const scene = new AgentScene(seed, plans);
  await Promise.all(scene.agents.map((agent) => start(scene, agent)));
  return scene;
}

export async function start(scene: AgentScene, agent: SimulatedAgent): Promise<void> {
  const booted = agent.boot();
  await scene.until(() => agent.life !== null, 10_000);
  await booted;
}

/** Every reading that its publisher was told of is in that ring, and no publisher waits. */
export const arrived = (scene: AgentScene, ring = 'b', from = 'a') =>
  scene.ledger.undecided(from) === 0 && scene.ledger.missing(ring, [from]).length === 0;
/** … and the sender knows it. */
export const settled = (scene: AgentScene) => arrived(scene) && streamOf(scene.agent('a'))?.pending === 0;
export const sound = (scene: AgentScene, ring = 'b') => scene.ledger.faults(ring, ['a', 'b', 'c']);
export const streamOf = (agent: SimulatedAgent) => agent.life?.bus.streams()[0];
export const inboundOf = (agent: SimulatedAgent) => agent.life?.bus.inbound()[0];
