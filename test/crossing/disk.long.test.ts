import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { memoryOf } from '../load/memory.ts';
import { within } from '../load/patience.ts';
import { ext4 } from '../ring/ext4.ts';
import { Rig } from './rig.ts';

const megabyte = 1024 * 1024;
const whole = { doubled: 0, outOfOrder: 0, lost: 0, invented: 0 };

test.serial(
  'a file system that is full: acknowledgements are withheld, and all goes on when there is room',
  async (t) => {
    const disk = ext4(24);
    if (typeof disk === 'string') return skip(t, disk);
    disk.mount();
    const rig = await Rig.create({ qos: 1, publishers: 20, gatewayRing: 'size = "64MB", commit = "5ms"' });
    const ring = `${rig.gateway.dataDirectory}/ring`;
    mkdirSync(ring, { recursive: true });
    execFileSync('mount', ['--bind', disk.root, ring]);
    try {
      await rig.start();
      await rig.relay.close();
      writeFileSync(join(disk.root, 'filler'), Buffer.alloc(6 * megabyte, 1));
      rig.publish(100_000);
      await within(60_000, 'a stalled ring', ringIs(rig, 'stalled'));
      t.regex((await ringOf(rig)).why ?? '', /no space/);
      const heldAt = rig.account.acknowledged;
      const before = memoryOf(rig.gateway.pid).rss;
      await pause(4_000);
      t.is(rig.account.acknowledged, heldAt, 'nothing more is acknowledged');
      t.true(heldAt < rig.sent, `${heldAt} of ${rig.sent}`);
      t.true(memoryOf(rig.gateway.pid).rss - before < 32, 'nothing piles up in memory (MB)');
      // A start on a full disk serves, too: what is there is read, and goes on.
      await rig.gateway.kill();
      await rig.gateway.start();
      rmSync(join(disk.root, 'filler'));
      // What has room now drains, and with it the rest finds some.
      await rig.relay.reopen();
      await rig.arrived();
      t.like(rig.account, { sent: 100_000, acknowledged: 100_000, delivered: 100_000, ...whole });
      t.is((await ringOf(rig)).damagedBatches, 0);
      await rig.stop();
    } finally {
      await rig.clear(true);
      execFileSync('umount', [ring]);
      rmSync(rig.directory, { recursive: true, force: true });
      disk.unmount();
      disk.remove();
    }
  },
);

const preloads = ['fiu_run_preload.so', 'fiu_posix_preload.so'].map((name) => `/usr/lib/fiu/${name}`);
/** Calls of the ring's that fail, by libfiu's names; a write through O_DSYNC is a pwrite. */
const calls = ['posix/io/rw/pwrite', 'posix/io/sync/fdatasync', 'posix/io/sync/fsync', 'posix/io/rw/pread'];
const eio = 5;

const title = 'a disk that says EIO to writes, syncs and reads: nothing acknowledged is lost, doubled or reordered';
if (preloads.every((path) => existsSync(path))) test.serial(title, failing);
else test.serial.skip(`${title} (skipped: wants libfiu, Debian's fiu-utils)`, () => undefined);

async function failing(t: ExecutionContext): Promise<void> {
  const fifos = mkdtempSync(join(tmpdir(), 'hypha-fiu-'));
  const variables = { LD_PRELOAD: preloads.join(' '), FIU_CTRL_FIFO: `${fifos}/agent` };
  const rig = await Rig.create({
    qos: 1,
    publishers: 8,
    gateway: { variables },
    ring: 'size = "32MB", commit = "5ms"',
  });
  try {
    await rig.start();
    const fails = (call: string, share: number): void => {
      const [name = ''] = readdirSync(fifos).filter((each) => each === `agent-${rig.gateway.pid}.in`);
      t.not(name, '');
      const what =
        share === 0 ? `disable name=${call}` : `enable_random name=${call},probability=${share},failinfo=${eio}`;
      execFileSync('fiu-ctrl', ['-f', `${fifos}/agent`, '-c', what, `${rig.gateway.pid}`]);
    };
    for (const call of calls) {
      for (const share of [0.2, 1]) {
        fails(call, share);
        rig.publish(2_000);
        await pause(700);
        if (call.includes('pwrite') && share === 1) {
          t.is((await ringOf(rig)).state, 'stalled');
          t.regex((await ringOf(rig)).why ?? '', /EIO/);
        }
      }
      fails(call, 0);
      await rig.acknowledged();
      t.is((await ringOf(rig)).state, 'ok', call);
    }
    // What a failed sync left in the page cache is not believed by the next life.
    fails('posix/io/rw/pwrite', 0.3);
    fails('posix/io/sync/fdatasync', 0.5);
    rig.publish(2_000);
    await pause(500);
    await rig.gateway.kill();
    await rig.gateway.start();
    await rig.arrived().catch(async (error: unknown) => {
      t.log(JSON.stringify([await rig.gateway.ask('ring/audit'), await rig.hub.ask('ring/audit')]));
      t.log(JSON.stringify([await ringOf(rig), await rig.hub.ask('ring')]));
      t.log(rig.gateway.log().slice(-4000));
      throw error;
    });
    t.log(rig.words());
    t.like(rig.account, { sent: 18_000, acknowledged: 18_000, delivered: 18_000, ...whole });
    await rig.stop();
  } finally {
    await rig.clear(false);
    rmSync(fifos, { recursive: true, force: true });
  }
}

interface RingAnswer {
  readonly state: string;
  readonly why: string | null;
  readonly damagedBatches: number;
}

const ringOf = async (rig: Rig): Promise<RingAnswer> => (await rig.gateway.ask('ring')) as RingAnswer;

async function ringIs(rig: Rig, state: string): Promise<void> {
  while ((await ringOf(rig)).state !== state) await pause(100);
}

function skip(t: ExecutionContext, why: string): void {
  t.log(`skipped: ${why}`);
  t.pass();
}
