import type { Address, Duration, Instant, PublicKey, Subnet } from '#kernel';
import { instant, never } from '#kernel';
import { Shares } from './share.ts';
import type { Entry, PeerId, Route } from './types.ts';

const evictionsLookedAt = 64;

/**
 * Routes by subnet, and which of them is selected. Bounded in subnets, of which each neighbour has its share (`Shares`).
 * When it is full, a subnet that was asked for takes the place of an unused one of the neighbour that holds most.
 */
export class RouteTable {
  readonly #inUseFor: Duration;
  readonly #entries = new Map<Subnet, Entry>();
  readonly #shares: Shares;

  constructor(limit: number, inUseFor: Duration) {
    this.#inUseFor = inUseFor;
    this.#shares = new Shares(limit);
  }

  get count(): number {
    return this.#entries.size;
  }

  get(subnet: Subnet): Entry | undefined {
    return this.#entries.get(subnet);
  }

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  hasRoom(peer: PeerId, isAskedFor: boolean): boolean {
    return this.#shares.mayAdd(peer, isAskedFor);
  }

  add(subnet: Subnet, key: PublicKey, owner: PeerId, isAskedFor: boolean): Entry {
    const entry: Entry = {
      subnet,
      key,
      owner,
      isAskedFor,
      routes: [],
      selected: null,
      told: null,
      wasAnswered: false,
      saidAs: null,
      calmAt: instant(0),
      tellAt: never,
      lostAt: null,
      doubtEndsAt: never,
      barredSince: null,
      usedAt: instant(Number.NEGATIVE_INFINITY),
      dueAt: never,
      place: -1,
    };
    this.#entries.set(subnet, entry);
    this.#shares.added(owner);
    return entry;
  }

  remove(entry: Entry): void {
    if (this.#entries.delete(entry.subnet)) this.#shares.removed(entry.owner);
  }

  isInUse(entry: Entry, now: Instant): boolean {
    return now - entry.usedAt < this.#inUseFor;
  }

  /** One that may go; looks at no more than a few of the right neighbour, since this is per update while the table is full. */
  evictable(now: Instant): Entry | null {
    const owner = this.#shares.largest();
    let looked = 0;
    for (const entry of this.#entries.values()) {
      if (entry.owner !== owner) continue;
      if (!this.isInUse(entry, now)) return entry;
      if (++looked === evictionsLookedAt) return null;
    }
    return null;
  }
}

export const routeFrom = (entry: Entry, peer: PeerId): Route | undefined =>
  entry.routes.find((route) => route.peer === peer);

/** `subnet::` */
export const firstAddress = (subnet: Subnet): Address => `${subnet}${'0'.repeat(16)}` as unknown as Address;
