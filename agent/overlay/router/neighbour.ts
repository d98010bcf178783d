import type { Instant } from '#kernel';
import { Rate } from '../peer/rate.ts';
import type { RouterOptions } from './types.ts';

/** What the router keeps of one neighbour: how far away it is, and how much it may say. */
export interface Neighbour {
  cost: number;
  readonly updates: Rate;
  readonly requests: Rate;
  readonly relays: Rate;
  /** It gets the full table no sooner. */
  nextTableAt: Instant;
  /** So many retractions it has taken for certain … */
  taken: number;
  /** … and so many it has been asked about. */
  askedTo: number;
}

/** It has been told nothing yet, so no retraction before now concerns it. */
export function newNeighbour(options: RouterOptions, cost: number, retractions: number, now: Instant): Neighbour {
  return {
    cost,
    updates: new Rate(options.updatesPerSecond, options.updatesAtOnce, now),
    requests: new Rate(options.requestsPerSecond, options.requestsAtOnce, now),
    relays: new Rate(options.relaysPerSecond, options.relaysAtOnce, now),
    nextTableAt: now,
    taken: retractions,
    askedTo: retractions,
  };
}
