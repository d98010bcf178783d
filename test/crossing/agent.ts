import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { compose } from '#app';
import type { Disk, DiskFile } from '#kernel';
import { realEnv, realLog } from '#platform';
import { type CommonOptions, placesOf } from '../../agent/cli/paths.ts';
import { writeRunning } from '../../agent/cli/running.ts';
import { loadSettings } from '../../agent/cli/settings.ts';
import { type Aim, Trigger } from './aim.ts';

/**
 * The agent as `hypha run` starts it, but for one thing: it dies by SIGKILL where a test aims. Arguments as `hypha run`'s;
 * aims come over IPC.
 */
const trigger = new Trigger(() => process.kill(process.pid, 'SIGKILL'));
process.on('message', (aim) => trigger.arm(aim as Aim));
process.channel?.unref();

const places = placesOf(optionsOf(process.argv.slice(3)));
const configuration = await loadSettings(places);
const log = realLog({ level: configuration.log.level, format: 'json', to: 1 });
const env = realEnv(log);
const agent = await compose(
  configuration,
  { ...env, disk: aimed(env.disk) },
  { data: places.data, version: 'test', observe: (step) => trigger.chance(step.kind) },
);
openDoor(process.env['TEST_DOOR']);
await writeRunning(places.data, agent.doors);
process.stdout.write('ready\n');
process.once('SIGTERM', () => void agent.stop());

/** A Unix socket to the broker, for clients in another network namespace. */
function openDoor(path: string | undefined): void {
  const [listen] = configuration.mqtt.listen;
  if (path === undefined || listen === undefined) return;
  rmSync(path, { force: true });
  createServer((near) => {
    const far = connect({ port: listen.port, host: listen.host });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => from.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  })
    .listen(path)
    .unref();
}

/** A disk whose syncs of the ring's files may be the last thing that the process learns of. */
function aimed(disk: Disk): Disk {
  return {
    ...disk,
    open: async (path, how) => {
      const file = await disk.open(path, how);
      return path.includes('/ring') ? aimedFile(file) : file;
    },
  };
}

function aimedFile(file: DiskFile): DiskFile {
  return {
    ...file,
    sync: async () => {
      await file.sync();
      trigger.chance('after-sync');
    },
    writeDurably: async (from, position) => {
      await file.writeDurably(from, position);
      trigger.chance('after-sync');
    },
  };
}

/** `--config FILE --data DIR` */
function optionsOf(args: readonly string[]): CommonOptions {
  const value = (name: string): string => args[args.indexOf(name) + 1] ?? '';
  return { config: value('--config'), data: value('--data') };
}
