import { infinite, isNewer, type PeerId, type RouterEffect } from '../../agent/overlay/router/types.ts';

interface Said {
  readonly seqno: number;
  readonly metric: number;
  readonly at: number;
}

/** What everybody must have taken, before which nothing is forgotten, and how long it is kept else. */
const spreadMs = 10_000;
const keptMs = 30 * 60_000;

/**
 * What a router has told its neighbours, written down from the outside, and what it may use by that: only what is better than the
 * best it has ever told, unless for 10 s nobody has had anything from it but that there is no way.
 */
export class ToldSoFar {
  readonly #own: string;
  readonly #best = new Map<string, Said>();
  /** Who was told of a way last, by subnet. */
  readonly #holders = new Map<string, Set<PeerId>>();
  readonly #emptySince = new Map<string, number>();

  constructor(own: string) {
    this.#own = own;
  }

  note(effect: RouterEffect, now: number): void {
    if (effect.kind !== 'send' || effect.packet.kind !== 'update' || effect.packet.prefix === this.#own) return;
    const { prefix, routerId, seqno, metric } = effect.packet;
    const holders = this.#holders.get(prefix) ?? new Set();
    this.#holders.set(prefix, holders);
    if (metric === infinite) this.#left(prefix, holders, effect.peer, now);
    else {
      const best = this.#bestOf(prefix, routerId, now);
      const isBetter =
        best === undefined || isNewer(seqno, best.seqno) || (seqno === best.seqno && metric < best.metric);
      this.#best.set(routerId, { ...(isBetter ? { seqno, metric } : best), at: now });
      holders.add(effect.peer);
    }
  }

  gone(peer: PeerId, now: number): void {
    for (const [prefix, holders] of this.#holders) this.#left(prefix, holders, peer, now);
  }

  mayUse(prefix: string, route: { routerId: string; seqno: number; metric: number }, now: number): boolean {
    const best = this.#bestOf(prefix, route.routerId, now);
    if (best === undefined || isNewer(route.seqno, best.seqno)) return true;
    return route.seqno === best.seqno && route.metric < best.metric;
  }

  #left(prefix: string, holders: Set<PeerId>, peer: PeerId, now: number): void {
    if (holders.delete(peer) && holders.size === 0) this.#emptySince.set(prefix, now);
  }

  #bestOf(prefix: string, routerId: string, now: number): Said | undefined {
    const best = this.#best.get(routerId);
    if (best === undefined || now - best.at >= keptMs) return undefined;
    const isEmpty = (this.#holders.get(prefix)?.size ?? 0) === 0;
    return isEmpty && now - (this.#emptySince.get(prefix) ?? now) >= spreadMs ? undefined : best;
  }
}
