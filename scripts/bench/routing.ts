import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { addressOf, prepareBlake3, subnetOf } from '#crypto';
import { instant, type PublicKey, type Subnet } from '#kernel';
import { RouterMachine } from '../../agent/overlay/router/router.ts';
import { defaultRouterOptions, type PeerId, type RouterId } from '../../agent/overlay/router/types.ts';
import { decodeControl, encodeControl, type Update } from '../../agent/overlay/wire/control.ts';
import { DataFrame } from '../../agent/overlay/wire/data.ts';
import { frameHeaderBytes } from '../../agent/overlay/wire/frame.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const routes = 10_000;
const neighbours = 4;
const targetMegabytes = 20;

interface Origin {
  readonly subnet: Subnet;
  readonly routerId: RouterId;
}

/**
 * What the router holds and what it costs: memory for 10,000 routes (of one neighbour, told to three others; then known
 * from all four), for a neighbour and for 1,000 packets that wait, and processor time to learn, to keep and to lose them.
 */
export async function run(): Promise<void> {
  await prepareBlake3();
  const rows: Record<string, string | number>[] = [];
  const origins = Array.from({ length: routes }, newOrigin);
  fill(newRouter(), origins.slice(0, 500), 1);
  const router = newRouter();
  const [one, learnUs] = measure(() => fill(router, origins, 1));
  rows.push(row('10,000 routes of one neighbour', one, routes, `${us(learnUs / routes)} to learn and tell three`));
  const [all, againUs] = measure(() => {
    for (let peer = 2; peer <= neighbours; peer++) fill(router, origins, peer);
  });
  rows.push(row('the same from all four', one + all, routes, `${us(againUs / routes / 3)} each`));
  const [, keepUs] = measure(() => keep(router, 300_000));
  rows.push({ what: '10,000 routes for 5 minutes', CPU: us(keepUs) });
  const [, costUs] = measure(() =>
    router.step({ kind: 'cost-changed', peer: 1 as PeerId, cost: 300 }, instant(301_000)),
  );
  rows.push({ what: 'the cost of a link changes under 10,000 routes', CPU: us(costUs) });
  const [, downUs] = measure(() => router.step({ kind: 'peer-down', peer: 1 as PeerId }, instant(302_000)));
  rows.push({ what: 'their neighbour leaves', CPU: us(downUs) });
  rows.push(row('1,000 neighbours', measure(() => greet(router, 1_000))[0], 1_000, ''));
  rows.push(row('1,000 packets of 200 bytes that wait', measure(() => hold(router, 1_000))[0], 1_000, ''));
  console.table(rows);
  const megabytes = one / 1e6;
  console.log(
    `10,000 routes: ${megabytes.toFixed(1)} MB, wanted at most ${targetMegabytes}: ${megabytes <= targetMegabytes ? 'met' : 'MISSED'}`,
  );
  if (router.counters()['routes'] !== routes) console.log(`${router.counters()['routes']} routes of ${routes}`);
}

function newOrigin(): Origin {
  const key = randomBytes(32).toString('hex') as PublicKey;
  return { subnet: subnetOf(addressOf(key)), routerId: `${key}0000${'ab'.repeat(6)}` as unknown as RouterId };
}

function newRouter(): RouterMachine {
  const { subnet, routerId } = newOrigin();
  const options = { ...defaultRouterOptions, updatesAtOnce: 1e6, maxSubnets: 20_000 };
  const router = new RouterMachine(subnet, routerId, options, instant(0));
  greet(router, neighbours);
  return router;
}

function greet(router: RouterMachine, count: number): void {
  const from = count === neighbours ? 1 : 100;
  for (let peer = from; peer < from + count; peer++)
    router.step({ kind: 'peer-up', peer: peer as PeerId, cost: 20 }, instant(0));
}

/** Over the wire's own bytes, so that what is kept is what a decoder makes. */
function fill(router: RouterMachine, origins: readonly Origin[], from: number): void {
  for (const { subnet, routerId } of origins) {
    const said: Update = {
      kind: 'update',
      addressEncoding: 2,
      flags: 0,
      prefixLength: 64,
      interval: 30_000,
      seqno: 0,
      metric: 10 * from,
      prefix: subnet,
      routerId,
    };
    const update = decodeControl(encodeControl(said).subarray(frameHeaderBytes)) as Update;
    router.step({ kind: 'update', peer: from as PeerId, update }, instant(1_000));
  }
}

function keep(router: RouterMachine, forMs: number): void {
  for (let at = router.deadline(); at < forMs; at = router.deadline()) router.step({ kind: 'timer' }, at);
}

function hold(router: RouterMachine, count: number): void {
  const { subnet } = newOrigin();
  for (let packet = 0; packet < count; packet++) {
    router.step({ kind: 'hold', subnet, frame: new DataFrame(Buffer.allocUnsafeSlow(200)) }, instant(303_000));
  }
}

/** Bytes more than before, with those outside the heap, and microseconds of this process. */
function measure(work: () => unknown): readonly [bytes: number, us: number] {
  const before = held();
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return [held() - before, user + system];
}

function held(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const us = (microseconds: number): string =>
  microseconds < 1_000 ? `${microseconds.toFixed(1)} µs` : `${(microseconds / 1_000).toFixed(1)} ms`;

const row = (what: string, bytes: number, count: number, cpu: string) => ({
  what,
  MB: (bytes / 1e6).toFixed(2),
  'bytes each': Math.round(bytes / count),
  CPU: cpu,
});
