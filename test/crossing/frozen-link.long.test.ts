import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { canNamespace, FarNamespace } from './namespace.ts';
import { Rig } from './rig.ts';

/** The last one is longer than the overlay waits before it gives a silent link up. */
const outagesMs = [500, 1_500, 2_500, 3_500, 9_000];
const slice = 400;

for (const qos of [1, 2] as const) {
  const how = qos === 1 ? 'in order, copies explained' : 'once and in order';
  const title = `QoS ${qos}: a link that goes dead without a word five times, a veth taken down: every reading arrives ${how}`;
  if (canNamespace) test.serial(title, (t) => frozen(t, qos));
  else test.serial.skip(`${title} (skipped: wants root and ip)`, () => undefined);
}

async function frozen(t: ExecutionContext, qos: 1 | 2): Promise<void> {
  const namespace = new FarNamespace();
  const directory = mkdtempSync(`${tmpdir()}/hypha-door-`);
  const door = `${directory}/mqtt`;
  const hub = { wrapper: namespace.wrapper, overlayHost: namespace.address, variables: { TEST_DOOR: door } };
  const rig = await Rig.create({ qos, publishers: 4, direct: true, hub, farBroker: { path: door } });
  try {
    await rig.start();
    for (const [index, outageMs] of outagesMs.entries()) {
      rig.publish(slice);
      namespace.down();
      rig.publish(slice);
      await rig.acknowledged();
      await pause(outageMs);
      const before = rig.subscriber.log.count;
      namespace.up();
      rig.publish(slice);
      await rig.arrived();
      t.log(`${index + 1}. ${outageMs} ms: ${before} before, ${rig.subscriber.log.count} after`);
    }
    const sent = slice * 3 * outagesMs.length;
    t.like(rig.account, { sent, acknowledged: sent, delivered: sent, doubled: 0, outOfOrder: 0, lost: 0, invented: 0 });
    if (qos === 2) t.is(rig.account.copies, 0);
    await rig.stop();
  } finally {
    await rig.clear(false);
    namespace.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}
