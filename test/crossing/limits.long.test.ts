import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { memoryOf } from '../load/memory.ts';
import { within } from '../load/patience.ts';
import { Rig } from './rig.ts';

const megabyte = 1024 * 1024;

test.serial(
  'full = "refuse": acknowledgements are withheld, memory stays bounded, and all goes on when the far end returns',
  async (t) => {
    const rig = await Rig.create({
      qos: 1,
      publishers: 20,
      gatewayRing: 'size = "4MB", full = "refuse", commit = "5ms"',
    });
    try {
      await rig.start();
      await rig.hub.kill();
      rig.publish(60_000);
      await within(60_000, 'a full ring', ringIs(rig, 'full'));
      const heldAt = rig.account.acknowledged;
      const before = memoryOf(rig.gateway.pid).rss;
      await pause(8_000);
      t.is(rig.account.acknowledged, heldAt, 'nothing more is acknowledged');
      t.true(heldAt < rig.sent && heldAt * 100 < 4 * megabyte);
      t.true(memoryOf(rig.gateway.pid).rss - before < 32, 'nothing piles up in memory (MB)');
      for (const { log } of rig.publishers) t.is(log.connects, 1, `${log.topic}: nobody was cut off for waiting`);
      await rig.hub.start();
      await rig.arrived();
      t.like(rig.account, {
        sent: 60_000,
        acknowledged: 60_000,
        delivered: 60_000,
        doubled: 0,
        outOfOrder: 0,
        lost: 0,
      });
      await rig.stop();
    } finally {
      await rig.clear(false);
    }
  },
);

test.serial(
  'full = "drop-oldest": what was dropped is counted at both ends, and the rest arrives in order',
  async (t) => {
    const rig = await Rig.create({
      qos: 2,
      publishers: 20,
      gatewayRing: 'size = "4MB", full = "drop-oldest", commit = "5ms"',
    });
    try {
      await rig.start();
      await rig.relay.close();
      rig.publish(60_000);
      await rig.acknowledged();
      await rig.relay.reopen();
      await rig.settled();
      const { sent, delivered, outOfOrder, doubled, copies } = rig.account;
      const [near] = (await audit(rig.gateway)).lines.filter(({ cursor }) => cursor.startsWith('link/'));
      const [far] = (await audit(rig.hub)).inbound;
      const dropped = near?.dropped.full ?? 0;
      t.log(JSON.stringify({ near, far, delivered }));
      t.true(dropped > 0 && delivered > 0);
      t.is(delivered + dropped, sent, 'delivered and dropped are all there is');
      t.is(far?.lost, dropped, 'the far end learns of the gap');
      t.deepEqual({ outOfOrder, doubled, copies }, { outOfOrder: 0, doubled: 0, copies: 0 });
      await rig.stop();
    } finally {
      await rig.clear(false);
    }
  },
);

interface Audit {
  readonly lines: readonly {
    readonly cursor: string;
    readonly dropped: { readonly full: number };
    readonly pending: number;
  }[];
  readonly inbound: readonly { readonly lost: number }[];
}

const audit = async (agent: Rig['gateway']): Promise<Audit> => (await agent.ask('ring/audit')) as Audit;

async function ringIs(rig: Rig, state: string): Promise<void> {
  while (((await rig.gateway.ask('ring')) as { state: string }).state !== state) await pause(100);
}
