import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { canNamespace, FarNamespace } from './namespace.ts';
import { Rig } from './rig.ts';

const times = 5;
const slice = 400;
const title =
  'a link that goes dead without a word five times, a veth taken down: every reading arrives once and in order';

(canNamespace ? test.serial : test.serial.skip)(
  canNamespace ? title : `${title} (skipped: wants root and ip)`,
  async (t) => {
    const namespace = new FarNamespace();
    const directory = mkdtempSync(`${tmpdir()}/hypha-door-`);
    const door = `${directory}/mqtt`;
    const hub = { wrapper: namespace.wrapper, overlayHost: namespace.address, variables: { TEST_DOOR: door } };
    const rig = await Rig.create({ qos: 2, publishers: 4, direct: true, hub, farBroker: { path: door } });
    try {
      await rig.start();
      for (let turn = 0; turn < times; turn++) {
        rig.publish(slice);
        namespace.down();
        rig.publish(slice);
        await rig.acknowledged();
        await pause(500 + 1_000 * turn);
        const before = rig.subscriber.log.count;
        namespace.up();
        rig.publish(slice);
        await rig.arrived();
        t.log(`${turn + 1}. ${before} before, ${rig.subscriber.log.count} after`);
      }
      const sent = slice * 3 * times;
      t.like(rig.account, { sent, acknowledged: sent, delivered: sent, copies: 0, doubled: 0, outOfOrder: 0, lost: 0 });
      await rig.stop();
    } finally {
      await rig.clear(false);
      namespace.remove();
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
