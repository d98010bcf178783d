export { Chance } from './chance.ts';
export { simulatedRandom, World } from './world.ts';
