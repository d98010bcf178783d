import { type Instant, instant, type Subnet } from '#kernel';
import { Chance } from '#sim';
import { RouterMachine } from '../../agent/overlay/router/router.ts';
import { defaultRouterOptions, type PeerId, type RouterEffect } from '../../agent/overlay/router/types.ts';
import type { Update } from '../../agent/overlay/wire/control.ts';
import { type Origin, originOf } from './router-lab.ts';

export const [one, two] = [1 as PeerId, 2 as PeerId];

/** A router of two neighbours, both of which announce the same node: the first is 100 nearer. */
export class Pair {
  readonly far: Origin;
  readonly router: RouterMachine;
  now: Instant = instant(1_000);

  constructor(options = {}) {
    const chance = new Chance(5);
    const self = originOf(chance);
    this.far = originOf(chance);
    this.router = new RouterMachine(self.subnet, self.routerId, { ...defaultRouterOptions, ...options }, this.now);
    this.router.step({ kind: 'peer-up', peer: one, cost: 20 }, this.now);
    this.router.step({ kind: 'peer-up', peer: two, cost: 120 }, this.now);
  }

  announce(peer: PeerId, metric: number, seqno = 0, { subnet, routerId }: Origin = this.far): readonly RouterEffect[] {
    const update: Update = {
      kind: 'update',
      addressEncoding: 2,
      flags: 0,
      prefixLength: 64,
      interval: 30_000,
      seqno,
      metric,
      prefix: subnet,
      routerId,
    };
    return this.router.step({ kind: 'update', peer, update }, this.now);
  }

  /** The router hears it, for so many retractions. */
  taken(peer: PeerId, retractions: number): void {
    this.router.step({ kind: 'taken', peer, retractions }, this.now);
  }

  doubt(peer: PeerId, subnet: Subnet = this.far.subnet): readonly RouterEffect[] {
    return this.router.step({ kind: 'doubted', subnet, peer, why: 'silent' }, this.now);
  }

  /** Milliseconds later, with what the router does meanwhile. */
  pass(ms: number): readonly RouterEffect[] {
    const end = this.now + ms;
    const done: RouterEffect[] = [];
    while (this.router.deadline() <= end) {
      this.now = instant(Math.max(this.now, this.router.deadline()));
      done.push(...this.router.step({ kind: 'timer' }, this.now));
    }
    this.now = instant(end);
    return done;
  }

  get hop(): PeerId | null {
    return this.router.nextHop(this.far.subnet, this.now);
  }
}
