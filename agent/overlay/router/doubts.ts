import type { Instant, Subnet } from '#kernel';
import { after, instant, milliseconds } from '#kernel';
import { Remembered } from './remembered.ts';
import type { DoubtReason, PeerId, RouterOptions } from './types.ts';

/** Why a neighbour's route to a subnet is used only if there is no other. */
export interface Doubt {
  readonly why: DoubtReason;
  readonly at: Instant;
  readonly until: Instant;
  /** Within the time that doubts are remembered. */
  readonly times: number;
}

/**
 * Next hops that did not bring packets where they said they would. The wire proves nothing of an announcement, so only
 * evidence from the far end, or a router's word about a packet that it must have seen, says that a route leads nowhere. A doubt ends by
 * itself and then weighs nothing, but the next one about the same route lasts twice as long. Bounded: the oldest goes first.
 */
export class Doubts {
  readonly #options: RouterOptions;
  readonly #known: Remembered<string, Doubt>;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#known = new Remembered(options.maxDoubts);
  }

  get count(): number {
    return this.#known.count;
  }

  get forgotten(): number {
    return this.#known.forgotten;
  }

  /** Null: it was doubted just now. */
  add(subnet: Subnet, peer: PeerId, why: DoubtReason, now: Instant): Doubt | null {
    const { doubtFor, longestDoubt, doubtAgainAfter, doubtsKeptFor } = this.#options;
    const key = keyOf(subnet, peer);
    const last = this.#known.get(key, now);
    if (last !== undefined && now < after(last.at, doubtAgainAfter)) return null;
    const times = (last?.times ?? 0) + 1;
    const lasts = milliseconds(Math.min(longestDoubt, doubtFor * 2 ** Math.min(times - 1, 16)));
    const until = instant(Math.max(last?.until ?? 0, after(now, lasts)));
    const doubt: Doubt = { why, at: now, until, times };
    this.#known.set(key, doubt, after(now, doubtsKeptFor));
    return doubt;
  }

  /** The doubt about a neighbour's route, while it lasts. Asked for every route, so cheap where there is none. */
  of(subnet: Subnet, peer: PeerId, now: Instant): Doubt | undefined {
    if (this.#known.count === 0) return undefined;
    const doubt = this.#known.get(keyOf(subnet, peer), now);
    return doubt !== undefined && doubt.until > now ? doubt : undefined;
  }

  sweep(now: Instant): void {
    this.#known.sweep(now);
  }

  deadline(): Instant {
    return this.#known.deadline();
  }
}

const keyOf = (subnet: Subnet, peer: PeerId): string => `${subnet} ${peer}`;
