import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { realNet } from '#platform';
import { SimulatedNetwork, World } from '#sim';
import { multicastContract } from './multicast.ts';

/** The group of Mycelium on another port, so that no neighbour's beacon is heard. */
const group = { host: 'ff02::cafe', port: 49_650 };

async function until(done: () => boolean): Promise<void> {
  while (!done()) await setImmediate();
}

/** This machine with itself: a member hears what its own host sends. */
multicastContract(test, 'real', async (t) => {
  const wire = realNet.interfaces().find(({ hasLinkLocal }) => hasLinkLocal);
  if (wire === undefined) {
    t.log('skipped: no interface here has a link-local IPv6 address');
    return null;
  }
  const end = { net: realNet, name: wire.name };
  return { near: end, far: end, group, until };
});

multicastContract(test, 'simulated', async () => {
  const world = new World(7);
  const network = new SimulatedNetwork(world);
  network.ether.plug('a', 'eth0', 'lan');
  network.ether.plug('b', 'wlan0', 'lan');
  return {
    near: { net: network.boot('a').net, name: 'eth0' },
    far: { net: network.boot('b').net, name: 'wlan0' },
    group,
    until: async (done) => {
      if (!(await world.run(world.now + 60_000, done))) throw new Error('it does not happen in a minute');
    },
  };
});
