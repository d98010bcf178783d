import type { Duration, Instant } from '#kernel';
import { after } from '#kernel';
import { Shares } from './share.ts';
import { isNewer, type PeerId, type RouterId } from './types.ts';

export interface FeasibilityDistance {
  readonly seqno: number;
  readonly metric: number;
  readonly expires: Instant;
  /** Whose route it was for. */
  readonly peer: PeerId;
}

export interface Announcement {
  readonly routerId: RouterId;
  readonly seqno: number;
  readonly metric: number;
  readonly peer: PeerId;
}

/**
 * The best (seqno, metric) that this node has announced for each router id, which stands for its /64 too: a key has only
 * one. RFC 8966 §3.2.5, §3.5.1: a route that is strictly better than it cannot lead back here. Bounded, and nothing is
 * forgotten before its time: what finds no room is not announced, so the promise of no loops holds for all that is.
 */
export class SourceTable {
  readonly #limit: number;
  readonly #keep: Duration;
  readonly #known = new Map<RouterId, FeasibilityDistance>();
  readonly #shares: Shares;
  refused = 0;

  constructor(limit: number, keep: Duration) {
    this.#limit = limit;
    this.#keep = keep;
    this.#shares = new Shares(limit);
  }

  get count(): number {
    return this.#known.size;
  }

  get(routerId: RouterId): FeasibilityDistance | undefined {
    return this.#known.get(routerId);
  }

  isFeasible(route: { readonly routerId: RouterId; readonly seqno: number; readonly metric: number }): boolean {
    const known = this.#known.get(route.routerId);
    return known === undefined || isBetter(route, known);
  }

  /** Something is about to be announced. False: it may not be. */
  announced(news: Announcement, isAskedFor: boolean, now: Instant): boolean {
    const { routerId } = news;
    const known = this.#known.get(routerId);
    if (known === undefined && !this.#hasRoom(news.peer, isAskedFor, now)) {
      this.refused++;
      return false;
    }
    const { seqno, metric } = known === undefined || isBetter(news, known) ? news : known;
    const peer = known?.peer ?? news.peer;
    if (known === undefined) this.#shares.added(peer);
    this.#known.delete(routerId);
    this.#known.set(routerId, { seqno, metric, expires: after(now, this.#keep), peer });
    return true;
  }

  /** In order of age, so that a sweep stops at the first one that lives. */
  sweep(now: Instant): void {
    for (const [routerId, { expires, peer }] of this.#known) {
      if (expires > now) return;
      this.#known.delete(routerId);
      this.#shares.removed(peer);
    }
  }

  #hasRoom(peer: PeerId, isAskedFor: boolean, now: Instant): boolean {
    if (this.#known.size >= this.#limit) this.sweep(now);
    return this.#shares.mayAdd(peer, isAskedFor);
  }
}

const isBetter = (
  route: { readonly seqno: number; readonly metric: number },
  than: { readonly seqno: number; readonly metric: number },
): boolean => isNewer(route.seqno, than.seqno) || (route.seqno === than.seqno && route.metric < than.metric);
