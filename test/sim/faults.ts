import type { SimulatedAgent } from './agent.ts';
import type { Chance } from './chance.ts';
import type { AgentScene } from './scene.ts';

const decades = 10 * 365 * 24 * 3_600_000;

/** One kind of trouble: what it does now, and how it ends. */
type Fault = (scene: AgentScene, chance: Chance) => void;

const any = (scene: AgentScene, chance: Chance): SimulatedAgent => chance.pick(scene.agents);

function neighbours(scene: AgentScene, chance: Chance): readonly [string, string] {
  const index = chance.between(0, scene.agents.length - 2);
  return [scene.agents[index]?.plan.name ?? '', scene.agents[index + 1]?.plan.name ?? ''];
}

/** Dies at any moment, comes back after a while with a clock that says what it likes. */
function death(how: 'killed' | 'power'): Fault {
  return (scene, chance) => {
    const agent = any(scene, chance);
    agent.die(how);
    agent.wallOffsetMs = chance.pick([0, 0, -decades, 2 * decades, 1.8e12]);
    scene.world.plan(chance.between(0, 2500), () => revive(agent));
  };
}

/** Boots it; a death on the way is no error. */
export function revive(agent: SimulatedAgent): void {
  agent.boot().catch((error: unknown) => {
    agent.troubles.push(String(error instanceof Error ? error.stack : error));
  });
}

const cut: Fault = (scene, chance) => scene.network.cut(...neighbours(scene, chance));

const halfOpen: Fault = (scene, chance) => scene.network.halfOpen(...neighbours(scene, chance));

const partition: Fault = (scene, chance) => {
  const between = neighbours(scene, chance);
  const oneWay = chance.hits(0.5);
  if (oneWay) scene.network.block(...between);
  else scene.network.partition(...between);
  scene.world.plan(chance.between(10, 6000), () => scene.network.heal(...between));
};

const freeze: Fault = (scene, chance) => {
  const { host } = any(scene, chance);
  host?.freeze();
  scene.world.plan(chance.between(10, 5000), () => host?.thaw());
};

const badSync: Fault = (scene, chance) => {
  any(scene, chance).disk.faults.failSyncs += chance.between(1, 4);
};

const badWrite: Fault = (scene, chance) => {
  any(scene, chance).disk.faults.failWrites += chance.between(1, 4);
};

const slowSync: Fault = (scene, chance) => {
  const { disk } = any(scene, chance);
  disk.faults.syncMs = chance.between(20, 800);
  scene.world.plan(chance.between(100, 3000), () => {
    disk.faults.syncMs = 1;
  });
};

const fullDisk: Fault = (scene, chance) => {
  const { disk } = any(scene, chance);
  disk.faults.capacityBytes = disk.usedBytes + chance.between(0, 20_000);
  scene.world.plan(chance.between(100, 4000), () => {
    disk.faults.capacityBytes = Number.POSITIVE_INFINITY;
  });
};

const readOnly: Fault = (scene, chance) => {
  const { disk } = any(scene, chance);
  disk.faults.readOnly = true;
  scene.world.plan(chance.between(100, 3000), () => {
    disk.faults.readOnly = false;
  });
};

/** A sleepy or a broken line, for a while. */
const badPath: Fault = (scene, chance) => {
  const between = neighbours(scene, chance);
  scene.network.setPath(...between, { delayMs: chance.between(1, 300), jitterMs: chance.between(0, 100) });
  scene.world.plan(chance.between(100, 3000), () => scene.network.setPath(...between, { delayMs: 1, jitterMs: 0 }));
};

const faults: readonly Fault[] = [
  death('killed'),
  death('killed'),
  death('power'),
  death('power'),
  cut,
  halfOpen,
  partition,
  freeze,
  badSync,
  badWrite,
  slowSync,
  fullDisk,
  readOnly,
  badPath,
];

/** Plans a fault of any kind every so often until `untilMs`. */
export function planFaults(scene: AgentScene, chance: Chance, untilMs: number): void {
  const everyMs = chance.pick([150, 400, 1000]);
  for (let at = chance.between(0, everyMs); at < untilMs; at += chance.between(1, 2 * everyMs)) {
    const fault = chance.pick(faults);
    const own = chance.fork();
    scene.world.plan(at + own.fraction(), () => fault(scene, own));
  }
}

/** Everything is as it should be again; the dead are brought back. */
export function calm(scene: AgentScene): void {
  const names = scene.agents.map((agent) => agent.plan.name);
  for (const a of names) {
    for (const b of names) if (a < b) scene.network.heal(a, b);
  }
  for (const agent of scene.agents) {
    Object.assign(agent.disk.faults, { failSyncs: 0, failWrites: 0, syncMs: 1, readOnly: false });
    agent.disk.faults.capacityBytes = Number.POSITIVE_INFINITY;
    agent.courier.watch(null);
    agent.host?.thaw();
    agent.hold(false);
    revive(agent);
  }
}
