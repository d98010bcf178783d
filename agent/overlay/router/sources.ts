import type { Duration, Instant } from '#kernel';
import { after, instant, never, seconds } from '#kernel';
import { Shares } from './share.ts';
import type { PeerId, RouterId } from './types.ts';

export interface FeasibilityDistance {
  readonly seqno: number;
  readonly metric: number;
  readonly expires: Instant;
  /** Whose route it was for. */
  readonly peer: PeerId;
  /** When the number may go up by `numbersAtOnce` again. */
  readonly restedAt: Instant;
  /** When all neighbours were told that there is no way to it through here; null: somebody may go this way. */
  retracted: Retracted | null;
}

export interface Retracted {
  readonly at: Instant;
  /** Which retraction of this node it was, all of them counted. */
  readonly number: number;
}

export interface Announcement {
  readonly routerId: RouterId;
  readonly seqno: number;
  readonly metric: number;
  readonly peer: PeerId;
}

/**
 * An origin takes a new number at most once in 4 s (WIRE.md §4); numbers are believed to move no faster: 300 at once, and one
 * more in 4 s. They have 16 bits and go round, so whoever claimed numbers far ahead, again and again, would make old ones new
 * and close loops. A loop now needs routers whose numbers go all the way round, of which each bridges at most
 * 300 (chosen) and 562 (moved on while a route lives, 1,050 s): 77 of them, and a packet goes through 63.
 */
const numbersAtOnce = 300;
const numberEvery = seconds(4);
/** A retraction gets so long to reach those who learned of the way over others: what they still say must not be taken for news. */
const spreadWithin = seconds(10);

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
  /** Retractions until now … */
  retractions = 0;
  /** … and how many of them every neighbour has taken. */
  taken = 0;

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

  isFeasible(
    route: { readonly routerId: RouterId; readonly seqno: number; readonly metric: number },
    now: Instant,
  ): boolean {
    const known = this.#known.get(route.routerId);
    return known === undefined || this.#isFree(known, now) || isBetter(route, known, now);
  }

  /** Whether numbers of its origin are near enough that the next one would help. */
  isWithinReach({ routerId, seqno }: { readonly routerId: RouterId; readonly seqno: number }): boolean {
    const known = this.#known.get(routerId);
    const ahead = known === undefined ? 0 : aheadOf(seqno, known.seqno);
    return Math.min(ahead, 0x10000 - ahead) <= numbersAtOnce;
  }

  /** All neighbours have been told that there is no way to it through here: once they know, nothing bounds what may be used. */
  retracted(routerId: RouterId, now: Instant): void {
    const known = this.#known.get(routerId);
    if (known !== undefined) known.retracted ??= { at: now, number: ++this.retractions };
  }

  /** The retraction that all neighbours must have taken before what was announced bounds nothing any more, if there was one. */
  retractionOf(routerId: RouterId): Retracted | null {
    return this.#known.get(routerId)?.retracted ?? null;
  }

  /** When what was announced bounds nothing any more, as soon as all have taken that it was retracted; `never`: it was not. */
  freeAt(routerId: RouterId): Instant {
    const retracted = this.retractionOf(routerId);
    return retracted === null ? never : after(retracted.at, spreadWithin);
  }

  /** Something is about to be announced. False: it may not be. */
  announced(news: Announcement, isAskedFor: boolean, now: Instant): boolean {
    const { routerId } = news;
    const known = this.#known.get(routerId);
    if (known === undefined && !this.#hasRoom(news.peer, isAskedFor, now)) {
      this.refused++;
      return false;
    }
    const { seqno, metric, restedAt } = moved(
      known !== undefined && this.#isFree(known, now) ? undefined : known,
      news,
      now,
    );
    const peer = known?.peer ?? news.peer;
    if (known === undefined) this.#shares.added(peer);
    this.#known.delete(routerId);
    const expires = after(now, this.#keep);
    this.#known.set(routerId, { seqno, metric, expires, peer, restedAt, retracted: null });
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

  #isFree({ retracted }: FeasibilityDistance, now: Instant): boolean {
    return retracted !== null && retracted.number <= this.taken && now >= after(retracted.at, spreadWithin);
  }

  #hasRoom(peer: PeerId, isAskedFor: boolean, now: Instant): boolean {
    if (this.#known.size >= this.#limit) this.sweep(now);
    return this.#shares.mayAdd(peer, isAskedFor);
  }
}

interface Numbered {
  readonly seqno: number;
  readonly metric: number;
}

const aheadOf = (seqno: number, than: number): number => (seqno - than) & 0xffff;

function isBetter(route: Numbered, than: FeasibilityDistance, now: Instant): boolean {
  const ahead = aheadOf(route.seqno, than.seqno);
  if (ahead === 0) return route.metric < than.metric;
  return Math.max(0, than.restedAt - now) + ahead * numberEvery <= numbersAtOnce * numberEvery;
}

/** What bounds from now on what may be used, after this has been announced, too. */
function moved(
  known: FeasibilityDistance | undefined,
  news: Numbered,
  now: Instant,
): Pick<FeasibilityDistance, 'seqno' | 'metric' | 'restedAt'> {
  const { seqno, metric } = news;
  if (known === undefined) return { seqno, metric, restedAt: now };
  if (!isBetter(news, known, now)) return known;
  const ahead = aheadOf(seqno, known.seqno);
  return { seqno, metric, restedAt: instant(Math.max(now, known.restedAt) + ahead * numberEvery) };
}
