import type { Address, Duration, Instant, PublicKey, Subnet } from '#kernel';
import { instant } from '#kernel';
import type { SourceTable } from './sources.ts';
import { type Entry, infinite, type PeerId, type Route } from './types.ts';

/** A new route must be this much better than the selected one. WIRE.md §4. */
const hysteresis = 10;

/**
 * Routes by subnet, and which of them is selected. Bounded in subnets: when it is full, a subnet that nobody asked for
 * is refused, and one that was asked for takes the place of the one unused for longest.
 */
export class RouteTable {
  readonly #limit: number;
  readonly #inUseFor: Duration;
  readonly #entries = new Map<Subnet, Entry>();

  constructor(limit: number, inUseFor: Duration) {
    this.#limit = limit;
    this.#inUseFor = inUseFor;
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

  /** The entry, made if need be; null when there is no room for it. */
  ensure(subnet: Subnet, key: PublicKey, isAskedFor: boolean, now: Instant): Entry | null {
    const known = this.#entries.get(subnet);
    if (known !== undefined) return known;
    if (this.#entries.size >= this.#limit && !(isAskedFor && this.#evictUnused(now))) return null;
    const entry: Entry = {
      subnet,
      key,
      routes: new Map(),
      selected: null,
      advertised: null,
      lostAt: null,
      usedAt: instant(Number.NEGATIVE_INFINITY),
    };
    this.#entries.set(subnet, entry);
    return entry;
  }

  remove(subnet: Subnet): void {
    this.#entries.delete(subnet);
  }

  isInUse(entry: Entry, now: Instant): boolean {
    return now - entry.usedAt < this.#inUseFor;
  }

  /** Looks at no more than a few: the table is full, and this is per update. */
  #evictUnused(now: Instant): boolean {
    let looked = 0;
    for (const entry of this.#entries.values()) {
      if (!this.isInUse(entry, now)) {
        this.#entries.delete(entry.subnet);
        return true;
      }
      if (++looked === 64) return false;
    }
    return false;
  }
}

export interface Choice {
  readonly route: Route;
  /** Its metric and the cost of the link to its neighbour. */
  readonly metric: number;
}

/**
 * The route to use: the lowest metric plus link cost among those that are alive and feasible, but the selected one
 * stays unless another is better by more than 10 or is the destination itself.
 */
export function choose(
  entry: Entry,
  costOf: (peer: PeerId) => number | undefined,
  sources: SourceTable,
  now: Instant,
): Choice | null {
  let best: Choice | null = null;
  let current: Choice | null = null;
  for (const route of entry.routes.values()) {
    const metric = route.metric + (costOf(route.peer) ?? infinite);
    if (metric >= infinite || route.expires <= now || !sources.isFeasible(entry.subnet, route)) continue;
    const choice = { route, metric };
    if (best === null || metric < best.metric) best = choice;
    if (route.peer === entry.selected?.peer) current = choice;
  }
  if (best === null || current === null || best === current) return best;
  const isDestination = best.route.metric === 0 && current.route.metric > 0;
  return isDestination || best.metric + hysteresis < current.metric ? best : current;
}

/** `subnet::` */
export const firstAddress = (subnet: Subnet): Address => `${subnet}${'0'.repeat(16)}` as unknown as Address;
