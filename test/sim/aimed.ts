import { frameKinds } from '../../agent/bus/frame.ts';
import type { SimulatedAgent } from './agent.ts';
import type { Chance } from './chance.ts';
import { reliable } from './courier.ts';
import { revive } from './faults.ts';
import type { AgentScene } from './scene.ts';

/** Trouble of several steps, each aimed at one promise: blind chance hardly ever finds the moment. */
export type Plot = (scene: AgentScene, chance: Chance) => void;

const longestPlotMs = 1_500;

/** Plans a plot so many times before `untilMs`, one after the other. */
export function planPlots(scene: AgentScene, chance: Chance, untilMs: number, plot: Plot, most: number): void {
  const times = chance.between(1, most);
  for (let time = 0; time < times; time++) {
    const own = chance.fork();
    const slot = untilMs / times;
    scene.world.plan(time * slot + own.between(0, slot - longestPlotMs), () => plot(scene, own));
  }
}

function neighbours(scene: AgentScene, chance: Chance): readonly [SimulatedAgent, SimulatedAgent] {
  const index = chance.between(0, scene.agents.length - 2);
  return [scene.agents[index] as SimulatedAgent, scene.agents[index + 1] as SimulatedAgent];
}

/** Power fails between a far ring's append and its sync: what was acknowledged too early is gone. */
export const cutInSync: Plot = (scene, chance) => {
  const [near, far] = neighbours(scene, chance);
  const syncMs = chance.between(20, 200);
  far.disk.faults.syncMs = syncMs;
  let batches = chance.between(1, 4);
  far.courier.watch((payload) => {
    if (payload[1] !== frameKinds.batch || --batches > 0) return;
    far.courier.watch(null);
    scene.world.plan(chance.between(3, syncMs), () => {
      far.die('power');
      far.disk.faults.syncMs = 1;
      scene.world.plan(chance.between(0, 500), () => revive(far));
    });
  });
  for (let round = 0; round < 4; round++) scene.world.plan(round * 40, () => near.publish(100, 0, () => 'u/1'));
};

/** For a while messages are lost behind the overlay, overtake each other, and come again, into later sessions too. */
export const badCourier: Plot = (scene, chance) => {
  const { courier } = chance.pick(scene.agents);
  const some = (): number => chance.pick([0, 0.1, 0.4]);
  courier.conditions = { loss: some(), late: some(), again: some() };
  scene.world.plan(chance.between(300, 3_000), () => {
    courier.conditions = reliable;
  });
};

/** At the end of the storm, and with no session ended after it: what is lost then comes only if it is sent again. */
export const lastLosses: Plot = (scene, chance) => {
  for (const { courier } of scene.agents) courier.conditions = { loss: chance.pick([0.2, 0.5]), late: 0.1, again: 0.1 };
  const first = scene.agents[0] as SimulatedAgent;
  for (let round = 0; round < 20; round++) scene.world.plan(round * 50, () => first.publish(5, 0, () => 'u/1'));
  scene.world.plan(1_200, () => {
    for (const { courier } of scene.agents) courier.conditions = reliable;
  });
};

/** Two agents begin life after life under traffic, while frames of their sessions before still arrive. */
export const lateFrames: Plot = (scene, chance) => {
  const [near, far] = neighbours(scene, chance);
  near.courier.conditions = far.courier.conditions = { loss: 0, late: 0.1, again: 0.5 };
  for (let round = 0; round < 24; round++) scene.world.plan(round * 50, () => near.publish(5, 0, () => 'u/1'));
  for (let life = 0; life < 3; life++) {
    scene.world.plan(life * 400 + chance.between(50, 350), () => restart(scene, chance.pick([near, far]), chance));
  }
  scene.world.plan(1_400, () => {
    near.courier.conditions = far.courier.conditions = reliable;
  });
};

/** The last agent's subscriber is away, and its ring, which refuses, fills up. */
export const slowReader: Plot = (scene, chance) => {
  const last = scene.agents.at(-1) as SimulatedAgent;
  last.hold(true);
  scene.world.plan(chance.between(500, 1_500), () => last.hold(false));
};

/** The near ring drops what is cut off, time and again, with a little delivered in between, and now and then a death. */
export const drought: Plot = (scene, chance) => {
  const [near, far] = neighbours(scene, chance);
  const names = [near.plan.name, far.plan.name] as const;
  let at = 0;
  for (let spell = chance.between(2, 4); spell > 0; spell--) {
    scene.world.plan(at, () => {
      scene.network.partition(...names);
      for (let left = chance.between(5, 13); left > 0; left--) near.publish(30, 0, () => 'u/1', 3_000);
    });
    scene.world.plan(at + 40, () => scene.network.heal(...names));
    at += 40 + chance.between(5, 60);
    if (chance.hits(0.5)) scene.world.plan(at - 2, () => restart(scene, chance.pick([near, near, far]), chance));
  }
};

function restart(scene: AgentScene, agent: SimulatedAgent, chance: Chance): void {
  agent.die(chance.pick(['killed', 'power']));
  scene.world.plan(chance.between(0, 20), () => revive(agent));
}

/**
 * The near agent's disk is an older image all at once: taken with a backlog that had not crossed, and since then it began
 * another life and delivered. What it sends again the far end knows by epochs that the image does not have.
 */
export const olderImage: Plot = (scene, chance) => {
  const [near, far] = neighbours(scene, chance);
  const names = [near.plan.name, far.plan.name] as const;
  const { ledger, world, network } = scene;
  network.partition(...names);
  near.publish(chance.between(50, 400), 0, () => 'u/1');
  world.plan(chance.between(20, 60), () => {
    const image = near.image();
    const forfeit = ledger.imaged(near.plan.name);
    network.heal(...names);
    near.die('killed');
    revive(near);
    for (let round = 1; round < 8; round++) world.plan(round * 100, () => near.publish(20, 0, () => 'u/1'));
    world.plan(chance.between(300, 1_200), () => {
      near.die('power');
      near.restore(image);
      forfeit();
      revive(near);
    });
  });
};

/** The far agent's disk is an older image all at once: what came since is lost there, and its sender has settled it. */
export const olderFarImage: Plot = (scene, chance) => {
  const [near, far] = neighbours(scene, chance);
  const { ledger, world } = scene;
  for (let round = 0; round < 10; round++)
    world.plan(round * 100, () => near.publish(chance.between(1, 60), 0, () => 'u/1'));
  world.plan(chance.between(50, 500), () => {
    const image = far.image();
    const forget = ledger.ringImaged(far.plan.name);
    world.plan(chance.between(100, 900), () => {
      far.die('power');
      far.restore(image);
      forget();
      revive(far);
    });
  });
};
