import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { formatSubnet, identityOf } from '#crypto';
import type { PublicKey } from '#kernel';
import type { OverlayOptions } from '#overlay';
import { Ours } from './ours.ts';
import { Stock, stockBinary, waitMs } from './stock.ts';

/** Runs with a stock daemon in MYCELIUM_BIN (0.7.10); without one every test of this file is skipped. */
const withStock = stockBinary === undefined ? test.skip : test.serial;

interface Line {
  readonly a: Stock;
  readonly b: Ours;
  readonly c: Stock;
  readonly ofA: PublicKey;
  readonly ofC: PublicKey;
  /** Whether stock node `a` has a route to `c`. */
  hasWay(): Promise<boolean>;
}

/** Stock, ours, stock. */
async function line(t: ExecutionContext, options: Partial<OverlayOptions>): Promise<Line> {
  const [ours, left, right] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  const [a, c] = [await Stock.start([], left), await Stock.start([], right)];
  t.teardown(() => a.stop());
  t.teardown(() => c.stop());
  const peers = [a, c].map(({ port }) => ({ host: '127.0.0.1', port }));
  const b = await Ours.start(ours, peers, options);
  t.teardown(() => b.stop());
  const { publicKey: ofC, subnet } = identityOf(right);
  const hasWay = async (): Promise<boolean> =>
    (await a.routes()).some((route) => route.subnet === formatSubnet(subnet));
  return { a, b, c, ofA: identityOf(left).publicKey, ofC, hasWay };
}

async function becomes(ask: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  for (const end = performance.now() + withinMs; performance.now() < end; ) {
    if (await ask()) return true;
    await waitMs(50);
  }
  return false;
}

withStock('stock nodes reach each other across a node of ours, but not across one that carries nothing', async (t) => {
  const carrying = await line(t, {});
  await carrying.a.push(carrying.ofC, Buffer.from('across'), 'greet');
  t.not(await carrying.c.pop(20, 'greet'), null);
  t.true(await carrying.hasWay());
  const closed = await line(t, { transit: false });
  await closed.a.push(closed.ofC, Buffer.from('across'), 'greet');
  const toA = closed.b.send(closed.ofA, Buffer.from('from the middle'), { topic: Buffer.from('mine') });
  t.not(await closed.a.pop(20, 'mine'), null);
  t.is(await toA.ended, 'received');
  t.is(await closed.c.pop(3, 'greet'), null);
  t.false(await closed.hasWay());
});

withStock('when a day’s transit is used up, a stock node hears that there is no way here', async (t) => {
  const { a, b, c, ofC, hasWay } = await line(t, { transitLimit: { bytesPerSecond: null, bytesPerDay: 20_000 } });
  await a.push(ofC, randomBytes(1_000), 'small');
  t.not(await c.pop(20, 'small'), null);
  t.true(await hasWay());
  await a.push(ofC, randomBytes(100_000), 'large');
  t.true(await becomes(async () => !(await hasWay()), 20_000));
  t.is(await c.pop(1, 'large'), null);
  const { counters } = b.overlay;
  t.true((counters['transit_bytes'] ?? 0) <= 20_000);
  t.is(counters['transit_closed'], 1);
});
