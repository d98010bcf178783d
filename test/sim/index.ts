export { Chance } from './chance.ts';
export { SimulatedHost } from './host.ts';
export { SimulatedNetwork } from './net.ts';
export { simulatedRandom, World } from './world.ts';
