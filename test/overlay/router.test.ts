import test from 'ava';
import { instant, type Subnet } from '#kernel';
import { Chance } from '#sim';
import { RouterMachine } from '../../agent/overlay/router/router.ts';
import { defaultRouterOptions, infinite, type PeerId, type RouterEvent } from '../../agent/overlay/router/types.ts';
import { DataFrame } from '../../agent/overlay/wire/data.ts';
import { originOf, RouterLab } from './router-lab.ts';
import { ToldSoFar } from './told.ts';

const seeds = Array.from({ length: 12 }, (_, index) => index + 1);

test('whatever happens to links and costs, there is never a loop, and in the end everybody reaches everybody', (t) => {
  for (const seed of seeds) {
    const chance = new Chance(seed);
    const count = 9;
    const lab = new RouterLab(count, chance, { updatesPerSecond: 1e6, requestsPerSecond: 1e6 });
    const noLoop = (): boolean =>
      lab.origins.every((_, to) => lab.origins.every((_, from) => !lab.walk(from, to).includes('loop')));
    for (let step = 0; step < 700; step++) {
      const [a, b] = [chance.between(0, count - 1), chance.between(0, count - 1)];
      const what = chance.between(0, 19);
      if (a === b) lab.pass(chance.between(1, 5000));
      else if (what === 0 && lab.isUp(a, b)) lab.down(a, b);
      else if (what <= 2 && !lab.isUp(a, b)) lab.up(a, b, chance.between(11, 1500));
      else if (what === 3 && lab.isUp(a, b))
        lab.step(a, { kind: 'cost-changed', peer: (b + 1) as PeerId, cost: chance.between(11, 1500) });
      else if (what <= 6) lab.step(a, { kind: 'wanted', subnet: lab.origins[b]?.subnet as Subnet });
      else if (what <= 9) lab.doubt(a, b);
      else lab.deliver();
      if (step % 5 === 0 && !noLoop()) return t.fail(`seed ${seed}, step ${step}: a loop`);
    }
    for (let node = 1; node < count; node++) if (!lab.isUp(node - 1, node)) lab.up(node - 1, node, 20);
    for (let round = 0; round < 6; round++) {
      lab.origins.forEach(({ subnet }) => {
        for (let node = 0; node < count; node++) lab.step(node, { kind: 'wanted', subnet });
      });
      t.true(lab.settle(), `seed ${seed}: the routers never stop talking`);
      lab.pass(16_000);
    }
    for (let from = 0; from < count; from++) {
      for (let to = 0; to < count; to++) t.is(lab.walk(from, to).at(-1), to, `seed ${seed}: ${from} to ${to}`);
    }
  }
});

function frame(size: number): DataFrame {
  return new DataFrame(Buffer.alloc(40 + size));
}

test('no sequence of events makes a router throw, use an unfeasible route, or hold more than its bounds', (t) => {
  const limits = {
    maxSubnets: 12,
    maxSources: 40,
    maxQueries: 9,
    maxSeqnoRequests: 7,
    maxDoubts: 6,
    waitingPackets: 10,
    waitingBytes: 4000,
  };
  for (const seed of seeds) {
    const chance = new Chance(seed);
    const self = originOf(chance);
    const origins = [self, ...Array.from({ length: 24 }, () => originOf(chance))];
    const router = new RouterMachine(
      self.subnet,
      self.routerId,
      { ...defaultRouterOptions, ...limits, waitingPacketsPerSubnet: 4, waitingBytesPerSubnet: 2000 },
      instant(0),
    );
    const told = new ToldSoFar(self.subnet);
    const asked = new Map<PeerId, number>();
    let now = instant(0);
    let waiting = 0;
    for (let step = 0; step < 3000; step++) {
      now = instant(now + chance.between(0, chance.hits(0.02) ? 40_000 : 200));
      const event = randomEvent(chance, origins, asked);
      if (event.kind === 'hold') waiting++;
      if (event.kind === 'peer-down') told.gone(event.peer, now);
      for (const effect of router.step(event, now)) {
        told.note(effect, now);
        if (effect.kind === 'ask-taken') asked.set(effect.peer, effect.retractions);
        if (effect.kind === 'release' || effect.kind === 'dropped') waiting--;
      }
      for (const { subnet, selected } of router.routes()) {
        if (selected === null) continue;
        if (!told.mayUse(subnet, selected, now)) return t.fail(`seed ${seed}, step ${step}: unfeasible`);
      }
      const counters = router.counters();
      t.true((counters['routes'] ?? 0) <= limits.maxSubnets && (counters['sources'] ?? 0) <= limits.maxSources);
      t.true((counters['doubts'] ?? 0) <= limits.maxDoubts);
      t.true(
        (counters['queries'] ?? 0) <= 2 * limits.maxQueries &&
          (counters['seqno_requests'] ?? 0) <= 2 * limits.maxSeqnoRequests,
      );
      t.true(
        (counters['waiting_packets'] ?? 0) <= limits.waitingPackets &&
          (counters['waiting_bytes'] ?? 0) <= limits.waitingBytes,
      );
      t.is(counters['waiting_packets'], waiting, 'every packet that waits is released or dropped');
    }
  }
});

function randomEvent(
  chance: Chance,
  origins: readonly ReturnType<typeof originOf>[],
  asked: ReadonlyMap<PeerId, number>,
): RouterEvent {
  const peer = chance.between(1, 5) as PeerId;
  const { subnet, routerId } = chance.pick(origins);
  const seqno = chance.hits(0.9) ? chance.between(0, 3) : chance.between(0, 0x3fff);
  const addressEncoding = chance.hits(0.97) ? 2 : chance.between(0, 3);
  const prefixLength = chance.hits(0.97) ? 64 : chance.between(0, 128);
  switch (chance.between(0, 11)) {
    case 0:
      return { kind: 'peer-up', peer, cost: chance.between(11, 2000) };
    case 1:
      return chance.hits(0.3)
        ? { kind: 'peer-down', peer }
        : { kind: 'cost-changed', peer, cost: chance.between(11, 60_000) };
    case 2:
      return { kind: 'wanted', subnet };
    case 11:
      return { kind: 'taken', peer, retractions: asked.get(peer) ?? 0 };
    case 10:
      return { kind: 'doubted', subnet, peer, why: chance.pick(['silent', 'died']) };
    case 3:
      return { kind: 'hold', subnet, frame: frame(chance.between(0, 1400)) };
    case 4:
      return {
        kind: 'route-request',
        peer,
        request: {
          kind: 'route-request',
          generation: chance.between(0, 20),
          addressEncoding,
          prefixLength,
          prefix: subnet,
        },
      };
    case 5:
      return {
        kind: 'seqno-request',
        peer,
        request: {
          kind: 'seqno-request',
          addressEncoding,
          prefixLength,
          seqno,
          hopCount: chance.between(1, 64),
          routerId,
          prefix: subnet,
        },
      };
    case 6:
      return { kind: 'timer' };
    default: {
      const metric = chance.hits(0.2) ? infinite : chance.between(0, chance.hits(0.9) ? 300 : 0xffff);
      const other = chance.hits(0.05) ? chance.pick(origins).routerId : routerId;
      const interval = chance.hits(0.9) ? 30_000 : chance.between(0, 1000);
      return {
        kind: 'update',
        peer,
        update: {
          kind: 'update',
          addressEncoding,
          flags: 0,
          prefixLength,
          interval,
          seqno,
          metric,
          prefix: subnet,
          routerId: other,
        },
      };
    }
  }
}
