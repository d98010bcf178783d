import test from 'ava';
import { instant, type Subnet } from '#kernel';
import { Chance } from '#sim';
import { RouterMachine } from '../../agent/overlay/router/router.ts';
import { defaultRouterOptions, infinite, type PeerId, type RouterOptions } from '../../agent/overlay/router/types.ts';
import type { Update } from '../../agent/overlay/wire/control.ts';
import { type Origin, originOf } from './router-lab.ts';

const peer = (id: number): PeerId => id as PeerId;
const flooder = peer(1);
const honest = peer(2);

/** A router with so many neighbours, and what it has said and refused. */
class Bench {
  readonly chance = new Chance(1);
  readonly router: RouterMachine;
  now = instant(0);
  readonly sent = new Map<PeerId, number>();

  constructor(neighbours: number, options: Partial<RouterOptions> = {}) {
    const self = originOf(this.chance);
    this.router = new RouterMachine(self.subnet, self.routerId, { ...defaultRouterOptions, ...options }, this.now);
    for (let id = 1; id <= neighbours; id++) this.step({ kind: 'peer-up', peer: peer(id), cost: 20 });
    this.sent.clear();
  }

  step(event: Parameters<RouterMachine['step']>[0]): void {
    for (const effect of this.router.step(event, this.now)) {
      if (effect.kind === 'send') this.sent.set(effect.peer, (this.sent.get(effect.peer) ?? 0) + 1);
    }
  }

  pass(ms: number): void {
    const end = this.now + ms;
    for (let at = this.router.deadline(); at <= end; at = this.router.deadline()) {
      this.now = instant(Math.max(at, this.now));
      this.step({ kind: 'timer' });
    }
    this.now = instant(end);
  }

  origin(): Origin {
    return originOf(this.chance);
  }

  announce(from: PeerId, { subnet: prefix, routerId }: Origin, metric = 5, seqno = 0): void {
    const update: Update = {
      kind: 'update',
      addressEncoding: 2,
      flags: 0,
      prefixLength: 64,
      interval: 30_000,
      seqno,
      metric,
      prefix,
      routerId,
    };
    this.step({ kind: 'update', peer: from, update });
  }

  ask(from: PeerId, prefix: Subnet, generation = 0): void {
    const request = { kind: 'route-request', generation, addressEncoding: 2, prefixLength: 64, prefix } as const;
    this.step({ kind: 'route-request', peer: from, request });
  }

  count(name: string): number {
    return this.router.counters()[name] ?? 0;
  }

  reaches({ subnet }: Origin): boolean {
    return this.router.nextHop(subnet, this.now) !== null;
  }
}

test('a neighbour that announces strange subnets without end fills its share, and others still find room', (t) => {
  const bench = new Bench(6, { updatesPerSecond: 1e9, updatesAtOnce: 1e9 });
  const { maxSubnets, maxSources } = defaultRouterOptions;
  for (let routes = 0; routes < 20_000; routes++) bench.announce(flooder, bench.origin());
  t.true(bench.count('routes') <= maxSubnets / 2 + 1, `${bench.count('routes')} routes`);
  for (let id = 3; id <= 6; id++)
    for (let routes = 0; routes < 8_000; routes++) bench.announce(peer(id), bench.origin());
  t.true(bench.count('routes') < maxSubnets * 0.75 && bench.count('sources') < maxSources);
  const late = bench.origin();
  bench.announce(honest, late);
  t.true(bench.reaches(late), 'a neighbour that announces itself last');
  t.true(bench.count('dropped_update_table_full') > 30_000);
});

test('what somebody has asked for finds room when the table is full, in the place of what the largest holder does not use', (t) => {
  const bench = new Bench(3, { updatesPerSecond: 1e9, updatesAtOnce: 1e9, relaysAtOnce: 1e6, maxSubnets: 400 });
  const used = bench.origin();
  bench.announce(honest, used);
  t.true(bench.reaches(used));
  for (let routes = 0; routes < 1_000; routes++) {
    const strange = bench.origin();
    bench.ask(peer(3), strange.subnet);
    bench.announce(flooder, strange);
  }
  t.is(bench.count('routes'), 400);
  t.true(bench.count('routes_evicted') > 0);
  const wanted = bench.origin();
  bench.step({ kind: 'wanted', subnet: wanted.subnet });
  bench.announce(honest, wanted);
  t.true(bench.reaches(wanted) && bench.reaches(used));
});

test('updates beyond what a neighbour may say are dropped, but never that it takes one back', (t) => {
  const bench = new Bench(2);
  const { updatesAtOnce, updatesPerSecond } = defaultRouterOptions;
  const origin = bench.origin();
  bench.announce(flooder, origin);
  for (let updates = 0; updates < 50_000; updates++) bench.announce(flooder, origin, 5 + (updates % 500));
  t.true(bench.count('dropped_updates_rate') >= 50_000 - updatesAtOnce);
  const other = bench.origin();
  bench.announce(honest, other);
  t.true(bench.reaches(other), 'others are heard meanwhile');
  bench.announce(flooder, origin, infinite);
  t.false(bench.reaches(origin));
  bench.pass(10_000);
  for (let updates = 0; updates < 50_000; updates++) bench.announce(flooder, origin);
  t.true(bench.count('dropped_updates_rate') >= 100_000 - updatesAtOnce - 11 * updatesPerSecond);
});

test('a route that comes and goes without end is passed on a few times at once, and then every two seconds', (t) => {
  const bench = new Bench(2, { updatesPerSecond: 1e9, updatesAtOnce: 1e9 });
  const origin = bench.origin();
  for (let times = 0; times < 2_000; times++) {
    bench.announce(flooder, origin, times % 2 === 0 ? 5 : infinite, 0);
    bench.pass(10);
  }
  const { restlessTimes, calmAfter } = defaultRouterOptions;
  t.true(
    (bench.sent.get(honest) ?? 0) <= 2 * (restlessTimes + 1 + 20_000 / calmAfter),
    `${bench.sent.get(honest)} sent`,
  );
  bench.announce(flooder, origin, 5, 1);
  bench.pass(10_000);
  t.true(bench.reaches(origin));
});

test('requests of one neighbour are relayed at a tenth of what each hop hears, so that others get theirs through', (t) => {
  const bench = new Bench(3);
  const { relaysAtOnce, relaysPerSecond, requestsPerSecond } = defaultRouterOptions;
  for (let requests = 0; requests < 10_000; requests++) {
    bench.ask(flooder, bench.origin().subnet);
    bench.pass(1);
  }
  t.true((bench.sent.get(honest) ?? 0) <= relaysAtOnce + 10 * relaysPerSecond + 1, `${bench.sent.get(honest)} relayed`);
  t.true(relaysPerSecond * 10 <= requestsPerSecond);
  t.true(bench.count('dropped_requests_rate') > 6_000);
  const before = bench.sent.get(peer(3)) ?? 0;
  bench.ask(honest, bench.origin().subnet);
  t.is(bench.sent.get(peer(3)), before + 1, 'the request of another is relayed');
});

test('a request that comes again by a shorter way goes further; by a longer one it does not', (t) => {
  const bench = new Bench(2);
  const { subnet } = bench.origin();
  for (const generation of [9, 9, 12, 4, 5]) bench.ask(flooder, subnet, generation);
  t.is(bench.sent.get(honest), 2);
  bench.pass(15_001);
  bench.ask(flooder, subnet, 12);
  t.is(bench.sent.get(honest), 3, 'after 15 s it is asked anew');
  bench.ask(flooder, bench.origin().subnet, 15);
  t.is(bench.sent.get(honest), 3, 'generation 15 goes no further');
});

test('a flood of seqno requests is answered from here at most once in four seconds and forwarded as often', (t) => {
  const bench = new Bench(2);
  const origin = bench.origin();
  bench.announce(honest, origin);
  bench.sent.clear();
  const request = (prefix: string, routerId: string, seqno: number) =>
    bench.step({
      kind: 'seqno-request',
      peer: flooder,
      request: { kind: 'seqno-request', addressEncoding: 2, prefixLength: 64, seqno, hopCount: 64, routerId, prefix },
    });
  for (let requests = 0; requests < 2_000; requests++) {
    request(origin.subnet, origin.routerId, 1);
    bench.pass(10);
  }
  t.true((bench.sent.get(honest) ?? 0) <= 6, `${bench.sent.get(honest)} forwarded in 20 s`);
  bench.sent.clear();
  const own = bench.router;
  for (let requests = 1; requests < 2_000; requests++) {
    request(own.subnet, own.routerId, requests);
    bench.pass(10);
  }
  t.true((bench.sent.get(honest) ?? 0) <= 6, `${bench.sent.get(honest)} announcements in 20 s`);
});

test('ten thousand routes cost little when nothing happens, and all of them end', (t) => {
  const bench = new Bench(2, { maxSubnets: 40_000, maxSources: 80_000 });
  for (let routes = 0; routes < 10_000; routes++) {
    bench.announce(flooder, bench.origin());
    bench.pass(1);
  }
  t.is(bench.count('routes'), 10_000);
  let wakes = 0;
  for (const end = bench.now + 900_000; bench.router.deadline() < end; wakes++) {
    bench.now = bench.router.deadline();
    bench.step({ kind: 'timer' });
  }
  t.true(wakes <= 20, `${wakes} wakes in 15 minutes`);
  bench.pass(3_600_000);
  t.deepEqual([bench.count('routes'), bench.count('sources'), bench.count('queries')], [0, 0, 0]);
});
