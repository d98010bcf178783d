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
}

export function newNeighbour(options: RouterOptions, cost: number, now: Instant): Neighbour {
  return {
    cost,
    updates: new Rate(options.updatesPerSecond, options.updatesAtOnce, now),
    requests: new Rate(options.requestsPerSecond, options.requestsAtOnce, now),
    relays: new Rate(options.relaysPerSecond, options.relaysAtOnce, now),
    nextTableAt: now,
  };
}
