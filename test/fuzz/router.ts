import { addressOf, subnetOf } from '#crypto';
import { assert, instant, type PublicKey } from '#kernel';
import { RouterMachine } from '../../agent/overlay/router/router.ts';
import {
  defaultRouterOptions,
  infinite,
  type PeerId,
  type RouterEffect,
  type RouterEvent,
  type RouterId,
} from '../../agent/overlay/router/types.ts';
import { DataFrame } from '../../agent/overlay/wire/data.ts';
import type { Target } from '../../scripts/fuzz/target.ts';
import { ToldSoFar } from '../overlay/told.ts';

const limits = {
  maxSubnets: 6,
  maxSources: 12,
  maxQueries: 5,
  maxSeqnoRequests: 5,
  maxDoubts: 4,
  waitingPackets: 8,
  waitingBytes: 2_000,
};
const options = { ...defaultRouterOptions, ...limits, waitingPacketsPerSubnet: 4, waitingBytesPerSubnet: 1_000 };
const eventBytes = 6;

/** Seven nodes: the first is the router itself; the last two are one that has started twice. */
const origins = [1, 2, 3, 4, 5, 6, 6].map((seed, index) => {
  const key = `${seed}${seed}`.repeat(32) as PublicKey;
  return { subnet: subnetOf(addressOf(key)), routerId: `${key}00000000000000${`0${index}`}` as unknown as RouterId };
});
const [self = { subnet: '', routerId: '' } as never] = origins;

/** Any order of events: six bytes each. What neighbours say is well formed; the decoders have targets of their own. */
export const router: readonly Target[] = [
  {
    name: 'overlay-router-events',
    seeds: () => [
      Buffer.from('000000000000000100000000020100640001030100000000040101c80001000002000000'.repeat(2), 'hex'),
      Buffer.from(
        '0000000000000001000000000a010005000a0a0101050007090101000000080aff000000000102000000000901010000',
        'hex',
      ),
    ],
    run: (bytes) => new Run().all(bytes),
    maxBytes: 3_000,
  },
];

class Run {
  readonly #router = new RouterMachine(self.subnet, self.routerId, options, instant(0));
  readonly #peers = new Set<PeerId>();
  readonly #told = new ToldSoFar(self.subnet);
  readonly #asked = new Map<PeerId, number>();
  #now = 0;
  #waiting = 0;

  all(bytes: Uint8Array): void {
    for (let at = 0; at + eventBytes <= bytes.length; at += eventBytes) {
      this.#step(this.#eventOf(bytes.subarray(at, at + eventBytes)));
      this.#check();
    }
    for (let turn = 0; turn < 200 && this.#router.deadline() < this.#now + 4_000_000; turn++) {
      this.#now = Math.max(this.#now, this.#router.deadline());
      this.#step({ kind: 'timer' });
      assert(this.#router.deadline() > this.#now, 'the timer is set for later');
    }
    assert(this.#waiting === 0, 'in the end nothing waits');
  }

  #eventOf(bytes: Uint8Array): RouterEvent {
    const [what = 0, who = 0, whose = 0, metric = 0, high = 0, low = 0] = bytes;
    const peer = ((who % 4) + 1) as PeerId;
    const { subnet, routerId } = origins[whose % origins.length] ?? self;
    const seqno = (high % 4) * 256 + low;
    const common = { addressEncoding: 2, prefixLength: 64, prefix: subnet };
    switch (what % 12) {
      case 0:
        this.#peers.add(peer);
        return { kind: 'peer-up', peer, cost: 1 + metric * 8 };
      case 1:
        this.#peers.delete(peer);
        this.#told.gone(peer, this.#now);
        return { kind: 'peer-down', peer };
      case 2:
        return { kind: 'cost-changed', peer, cost: 1 + metric * 256 };
      case 3:
        return { kind: 'wanted', subnet };
      case 4:
        return { kind: 'hold', subnet, frame: new DataFrame(Buffer.alloc(40 + metric)) };
      case 5:
        return { kind: 'route-request', peer, request: { kind: 'route-request', generation: metric % 20, ...common } };
      case 6: {
        const request = { kind: 'seqno-request', seqno, hopCount: 1 + (metric % 64), routerId, ...common } as const;
        return { kind: 'seqno-request', peer, request };
      }
      case 7:
        return { kind: 'transit', isOpen: metric % 2 === 0 };
      case 8:
        this.#now += metric * 4 ** (whose % 8);
        return { kind: 'timer' };
      case 11:
        return { kind: 'taken', peer, retractions: this.#asked.get(peer) ?? 0 };
      case 9:
        return { kind: 'doubted', subnet, peer, why: metric % 2 === 0 ? 'silent' : 'died' };
      default: {
        const said = metric === 255 ? infinite : metric * 3;
        return {
          kind: 'update',
          peer,
          update: { kind: 'update', flags: 0, interval: 1 + low * 118, seqno, metric: said, routerId, ...common },
        };
      }
    }
  }

  #step(event: RouterEvent): void {
    if (event.kind === 'hold') this.#waiting++;
    for (const effect of this.#router.step(event, instant(this.#now))) this.#note(effect);
  }

  #note(effect: RouterEffect): void {
    if (effect.kind === 'release' || effect.kind === 'dropped') this.#waiting--;
    if (effect.kind === 'release' || effect.kind === 'send')
      assert(this.#peers.has(effect.peer), 'nothing goes to a neighbour that has left');
    if (effect.kind === 'ask-taken') this.#asked.set(effect.peer, effect.retractions);
    this.#told.note(effect, this.#now);
    if (effect.kind !== 'send' || effect.packet.kind !== 'update') return;
    const { prefix, metric } = effect.packet;
    if (metric === infinite || prefix === self.subnet) return;
    assert(
      this.#router.entryOf(prefix as never)?.selected?.peer !== effect.peer,
      'a next hop is not told of its own route',
    );
  }

  #check(): void {
    for (const { subnet, selected, routes } of this.#router.routes()) {
      assert(new Set(routes.map(({ peer }) => peer)).size === routes.length, 'a neighbour has one route');
      for (const { peer } of routes) assert(this.#peers.has(peer), 'a neighbour that has left has no routes');
      if (selected === null) continue;
      assert(routes.includes(selected), 'what is selected is known');
      assert(this.#told.mayUse(subnet, selected, this.#now), 'what is selected is feasible');
    }
    const count = (name: string): number => this.#router.counters()[name] ?? 0;
    assert(count('routes') <= limits.maxSubnets && count('sources') <= limits.maxSources, 'routes are bounded');
    assert(count('doubts') <= limits.maxDoubts, 'doubts are bounded');
    assert(count('queries') <= 2 * limits.maxQueries, 'queries are bounded');
    assert(count('seqno_requests') <= 2 * limits.maxSeqnoRequests, 'seqno requests are bounded');
    assert(
      count('waiting_packets') === this.#waiting && this.#waiting <= limits.waitingPackets,
      'packets are released or dropped',
    );
  }
}
