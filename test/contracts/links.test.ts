import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { realNet } from '#platform';
import { SimulatedNetwork, World } from '#sim';
import { type NetUnderTest, netContract } from './net.ts';
import { plant, secureContract, securedNet } from './secure.ts';
import { unusedPort } from './unused-port.ts';

async function until(done: () => boolean): Promise<void> {
  while (!done()) await setImmediate();
}

const deaf = await unusedPort();

const real = (host: string): NetUnderTest => ({
  net: realNet,
  local: { host, port: 0 },
  deaf: { host, port: deaf },
  until,
});

/** A host that dials itself. */
function simulated(seed: number): NetUnderTest {
  const world = new World(seed);
  const host = new SimulatedNetwork(world).boot('a');
  return {
    net: host.net,
    local: { host: 'a', port: 0 },
    deaf: { host: 'a', port: 9 },
    until: async (done) => {
      if (!(await world.run(world.now + 60_000, done))) throw new Error('it does not happen in a minute');
    },
  };
}

let seed = 0;

secureContract(test, 'real', () => real('127.0.0.1'));
secureContract(test, 'simulated', () => simulated(++seed));

netContract(test, 'tls 127.0.0.1', () => ({ ...real('127.0.0.1'), net: securedNet(realNet, plant) }));
netContract(test, 'tls ::1', () => ({ ...real('::1'), net: securedNet(realNet, plant) }));
netContract(test, 'simulated tcp', () => simulated(++seed));
netContract(test, 'simulated tls', () => {
  const under = simulated(++seed);
  return { ...under, net: securedNet(under.net, plant) };
});
