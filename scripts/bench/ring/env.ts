import type { Env, Log } from '#kernel';
import { systemClock } from '../../../agent/platform/clock.ts';
import { systemDisk } from '../../../agent/platform/disk.ts';
import { systemRandom } from '../../../agent/platform/random.ts';

const quiet: Log = {
  error: (event, fields) => console.error(event, fields),
  warn: (event, fields) => console.error(event, fields),
  info: () => undefined,
  debug: () => undefined,
  with: () => quiet,
};

/** The machine, without a network. */
export const benchEnv = (): Env => ({
  clock: systemClock(),
  random: systemRandom(),
  disk: systemDisk(),
  net: undefined as never,
  log: quiet,
});
