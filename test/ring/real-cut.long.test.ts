import { join } from 'node:path';
import test from 'ava';
import { appendUntilCut, ext4, inspect } from './ext4.ts';

const cuts = 20;

test.serial(`${cuts} real power cuts of an ext4 lose nothing acknowledged`, async (t) => {
  t.timeout(240_000);
  const disk = ext4();
  if (typeof disk === 'string') {
    t.log(`skipped: ${disk}`);
    t.pass();
    return;
  }
  const directory = join(disk.root, 'ring');
  let next = 0;
  try {
    for (let cut = 0; cut < cuts; cut++) {
      disk.mount();
      const acknowledged = await appendUntilCut(directory, next, 'sync', 30 + ((cut * 53) % 250), disk.cut);
      disk.unmount();
      disk.mount();
      const { last, wrong } = await inspect(directory, next);
      disk.unmount();
      t.deepEqual(wrong.slice(0, 5), [], `cut ${cut}`);
      t.true(last >= acknowledged, `cut ${cut}: ${acknowledged} acknowledged, ${last} found`);
      next = last + 1;
    }
    t.log(`${cuts} cuts, ${next} records`);
    t.true(next > cuts * 3);
  } finally {
    disk.remove();
  }
});

test.serial('the same cuts without a sync lose acknowledged records (negative control)', async (t) => {
  t.timeout(120_000);
  const disk = ext4();
  if (typeof disk === 'string') {
    t.log(`skipped: ${disk}`);
    t.pass();
    return;
  }
  const directory = join(disk.root, 'ring');
  let lossy = 0;
  let next = 0;
  try {
    for (let cut = 0; cut < 3; cut++) {
      disk.mount();
      const acknowledged = await appendUntilCut(directory, next, 'no-sync', 200, disk.cut);
      disk.unmount();
      disk.mount();
      const { last, wrong } = await inspect(directory, next);
      disk.unmount();
      if (last < acknowledged || wrong.length > 0) lossy++;
      next = Math.max(last, acknowledged) + 1;
    }
    t.true(lossy > 0);
  } finally {
    disk.remove();
  }
});
