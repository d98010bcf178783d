import type { Address, Instant, Machine, PublicKey } from '#kernel';
import { after, type Duration, instant, never, unreachable } from '#kernel';
import type { IcmpReason } from '../wire/icmp.ts';

export interface TraceOptions {
  /** The farthest hop that is asked. */
  readonly hops: number;
  /** Packets for each hop. */
  readonly probes: number;
  /** An answer that takes longer is none. */
  readonly timeout: Duration;
  /** A route that takes longer to find is none. */
  readonly routeWithin: Duration;
  /** Gives up after so many hops in a row that say nothing. */
  readonly silentHops: number;
}

/** Who let a packet die, and so is that many links away. */
export interface Router {
  readonly key: PublicKey;
  readonly address: Address;
}

export interface TracedHop {
  readonly hop: number;
  /** Null: nobody answered. */
  readonly router: Router | null;
  /** `no-route`: this router has lost the destination. */
  readonly reason: IcmpReason | null;
  readonly roundTripsMs: readonly number[];
  readonly asked: number;
}

/** `lost`: a router on the way has no route any more; `silent`: nobody answers from there on; `far`: out of hops. */
export type TraceEnd = 'reached' | 'no-route' | 'lost' | 'silent' | 'far';

export type TraceEvent =
  | { readonly kind: 'routed' }
  | {
      readonly kind: 'answered';
      readonly hop: number;
      readonly attempt: number;
      readonly router: Router;
      readonly reason: IcmpReason;
      readonly isDestination: boolean;
    }
  | { readonly kind: 'timer' };

export type TraceEffect =
  /** A packet that goes all the way. */
  | { readonly kind: 'greet' }
  | { readonly kind: 'probe'; readonly hop: number; readonly attempt: number }
  | { readonly kind: 'hop'; readonly hop: TracedHop }
  | { readonly kind: 'end'; readonly why: TraceEnd };

/** What a trace has found out, in the order in which it did. The last one is an `end`. */
export type TraceReport =
  | { readonly kind: 'route'; readonly publicKey: PublicKey; readonly nextHop: string; readonly cost: number }
  | ({
      readonly kind: 'hop';
      /** What packets to this router cost from here, by this node's own routes; null: it has none. */
      readonly cost: number | null;
    } & TracedHop)
  | { readonly kind: 'end'; readonly why: TraceEnd };

/**
 * Which routers lie on the way: packets with a hop limit of 1, 2, 3 … die one link farther each, and the router where one
 * dies says so, the destination too. States: waiting for a route → asking hop 1, 2, 3 … → ended. One packet is under way
 * at a time, so a trace costs its path next to nothing. A packet that goes all the way is sent first: a node that has not
 * been written to has no route back and answers nobody; now it looks for one.
 */
export class TraceMachine implements Machine<TraceEvent, TraceEffect> {
  readonly #options: TraceOptions;
  #state: 'waiting' | 'asking' | 'ended' = 'waiting';
  #hop = 0;
  #attempt = 0;
  #deadline: Instant;
  #askedAt: Instant = instant(0);
  #silentHops = 0;
  #router: Router | null = null;
  #reason: IcmpReason | null = null;
  #isDestination = false;
  #roundTripsMs: number[] = [];

  constructor(options: TraceOptions, now: Instant) {
    this.#options = options;
    this.#deadline = after(now, options.routeWithin);
  }

  step(event: TraceEvent, now: Instant): readonly TraceEffect[] {
    switch (event.kind) {
      case 'routed':
        if (this.#state !== 'waiting') return [];
        this.#state = 'asking';
        return [{ kind: 'greet' }, ...this.#nextHop(now)];
      case 'answered':
        if (this.#state !== 'asking' || event.hop !== this.#hop || event.attempt !== this.#attempt) return [];
        this.#router = event.router;
        this.#reason = event.reason;
        this.#isDestination = event.isDestination;
        this.#roundTripsMs.push(now - this.#askedAt);
        return this.#nextProbe(now);
      case 'timer':
        if (now < this.#deadline) return [];
        if (this.#state === 'waiting') return [this.#end('no-route')];
        return this.#state === 'asking' ? this.#nextProbe(now) : [];
      default:
        return unreachable(event);
    }
  }

  deadline(): Instant {
    return this.#deadline;
  }

  #nextProbe(now: Instant): readonly TraceEffect[] {
    return this.#attempt < this.#options.probes ? [this.#probe(now)] : this.#hopDone(now);
  }

  #probe(now: Instant): TraceEffect {
    this.#attempt++;
    this.#askedAt = now;
    this.#deadline = after(now, this.#options.timeout);
    return { kind: 'probe', hop: this.#hop, attempt: this.#attempt };
  }

  #hopDone(now: Instant): readonly TraceEffect[] {
    const hop: TracedHop = {
      hop: this.#hop,
      router: this.#router,
      reason: this.#reason,
      roundTripsMs: this.#roundTripsMs,
      asked: this.#attempt,
    };
    this.#silentHops = this.#router === null ? this.#silentHops + 1 : 0;
    const end = this.#whyEnd();
    return [{ kind: 'hop', hop }, ...(end === null ? this.#nextHop(now) : [this.#end(end)])];
  }

  #whyEnd(): TraceEnd | null {
    if (this.#isDestination) return 'reached';
    if (this.#reason === 'no-route') return 'lost';
    if (this.#silentHops >= this.#options.silentHops) return 'silent';
    return this.#hop >= this.#options.hops ? 'far' : null;
  }

  #nextHop(now: Instant): readonly TraceEffect[] {
    this.#hop++;
    this.#attempt = 0;
    this.#router = null;
    this.#reason = null;
    this.#roundTripsMs = [];
    return [this.#probe(now)];
  }

  #end(why: TraceEnd): TraceEffect {
    this.#state = 'ended';
    this.#deadline = never;
    return { kind: 'end', why };
  }
}
