import type { PublicKey } from '#kernel';
import type { LinkRule } from '#links';
import type { AgentPlan } from './agent.ts';
import { SimulatedAgent } from './agent.ts';
import { Ledger } from './ledger.ts';
import { SimulatedNetwork } from './net.ts';
import { World } from './world.ts';

export const linkTo = (to: string, changes: Partial<LinkRule> = {}): LinkRule => ({
  name: to,
  to,
  topics: ['#'],
  prefix: '',
  lane: 1,
  qos: 2,
  qos0: 'store',
  retain: true,
  ttl: null,
  ...changes,
});

/** Agents in one world, with one account. */
export class AgentScene {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly ledger = new Ledger();
  readonly agents: SimulatedAgent[] = [];

  constructor(seed: number, plans: readonly AgentPlan[]) {
    this.world = new World(seed);
    this.network = new SimulatedNetwork(this.world);
    for (const plan of plans) this.add(plan);
    this.introduce();
  }

  add(plan: AgentPlan): void {
    this.agents.push(new SimulatedAgent(this.world, this.network, this.ledger, plan));
  }

  /** Everybody is everybody's contact. */
  introduce(): void {
    const contacts = new Map<string, PublicKey>();
    for (const { plan, identity } of this.agents) contacts.set(plan.name, identity.publicKey);
    for (const agent of this.agents) agent.meet(contacts);
  }

  agent(name: string): SimulatedAgent {
    const found = this.agents.find((agent) => agent.plan.name === name);
    if (found === undefined) throw new Error(`no agent ${name}`);
    return found;
  }

  /** Runs until `done` holds, at most so long. */
  until(done: () => boolean, withinMs: number): Promise<boolean> {
    return this.world.run(this.world.now + withinMs, done);
  }

  run(forMs: number): Promise<boolean> {
    return this.world.run(this.world.now + forMs);
  }
}

/** A and B, links both ways. */
export const pair = (ring: AgentPlan['ring'] = {}): AgentPlan[] => [
  { name: 'a', peers: [], links: [linkTo('b')], accepts: [{ from: 'b', topics: ['#'] }], ring },
  { name: 'b', peers: ['a'], links: [linkTo('a')], accepts: [{ from: 'a', topics: ['#'] }], ring },
];

/** A to B to C. */
export const line = (ring: AgentPlan['ring'] = {}): AgentPlan[] => [
  { name: 'a', peers: [], links: [linkTo('b')], accepts: [], ring },
  { name: 'b', peers: ['a'], links: [linkTo('c')], accepts: [{ from: 'a', topics: ['#'] }], ring },
  { name: 'c', peers: ['b'], links: [], accepts: [{ from: 'b', topics: ['#'] }], ring },
];
