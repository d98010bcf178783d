import type { Duration, Instant, Subnet } from '#kernel';
import { after } from '#kernel';
import { isNewer, type RouterId } from './types.ts';

export interface FeasibilityDistance {
  readonly seqno: number;
  readonly metric: number;
  readonly expires: Instant;
}

/**
 * The best (seqno, metric) that this node has ever announced for each (subnet, router id). RFC 8966 §3.2.5, §3.5.1: a
 * route that is strictly better than it cannot lead back here. Bounded: when it is full the entry that was used longest
 * ago is forgotten, and counted, because that weakens the promise for a subnet nobody has announced lately.
 */
export class SourceTable {
  readonly #limit: number;
  readonly #keep: Duration;
  readonly #known = new Map<string, FeasibilityDistance>();
  forgotten = 0;

  constructor(limit: number, keep: Duration) {
    this.#limit = limit;
    this.#keep = keep;
  }

  get count(): number {
    return this.#known.size;
  }

  get(subnet: Subnet, routerId: RouterId): FeasibilityDistance | undefined {
    return this.#known.get(subnet + routerId);
  }

  isFeasible(
    subnet: Subnet,
    route: { readonly routerId: RouterId; readonly seqno: number; readonly metric: number },
  ): boolean {
    const known = this.get(subnet, route.routerId);
    if (known === undefined) return true;
    return isNewer(route.seqno, known.seqno) || (route.seqno === known.seqno && route.metric < known.metric);
  }

  /** Something is about to be announced. */
  announced(subnet: Subnet, routerId: RouterId, seqno: number, metric: number, now: Instant): void {
    const key = subnet + routerId;
    const known = this.#known.get(key);
    const isBetter =
      known === undefined || isNewer(seqno, known.seqno) || (seqno === known.seqno && metric < known.metric);
    const best = isBetter ? { seqno, metric } : known;
    this.#known.delete(key);
    this.#makeRoom();
    this.#known.set(key, { seqno: best.seqno, metric: best.metric, expires: after(now, this.#keep) });
  }

  /** In order of age, so that a sweep stops at the first one that lives. */
  sweep(now: Instant): void {
    for (const [key, { expires }] of this.#known) {
      if (expires > now) return;
      this.#known.delete(key);
    }
  }

  #makeRoom(): void {
    if (this.#known.size < this.#limit) return;
    const [oldest] = this.#known.keys();
    if (oldest === undefined) return;
    this.#known.delete(oldest);
    this.forgotten++;
  }
}
