export { Chance } from './chance.ts';
export { type DiskFaults, type DiskOperation, SimulatedDisk } from './disk.ts';
export { SimulatedHost } from './host.ts';
export { SimulatedNetwork } from './net.ts';
export { noNet } from './no-net.ts';
export { simulatedRandom, World } from './world.ts';
