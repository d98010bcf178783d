import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Account, accountOf } from '#api';
import { ringOptions } from '#app';
import type { Env, Log } from '#kernel';
import { dryDisk, realEnv } from '#platform';
import { openRing, type RingOptions } from '#ring';
import { CommandError, exitCodes } from './exit.ts';
import type { Places } from './paths.ts';
import { loadSettings } from './settings.ts';

/** The account of a ring whose agent does not run: read under the agent's own lock, and nothing written. */
export async function accountOffline(places: Places): Promise<Account & { readonly ring: string }> {
  const directory = join(places.data, 'ring');
  if (!existsSync(directory)) {
    throw new CommandError(
      exitCodes.unavailable,
      `${directory}: found nothing, wanted a ring; make one with: hypha run`,
    );
  }
  const { ring } = await loadSettings(places);
  const env = realEnv(quiet);
  const lock = await env.disk.lock(join(places.data, 'lock'));
  try {
    return await read({ ...env, disk: dryDisk(env.disk) }, await ringOptions(ring, places.data, null));
  } finally {
    await lock.release();
  }
}

async function read(env: Env, options: RingOptions): Promise<Account & { readonly ring: string }> {
  const ring = await openRing(env, options);
  try {
    return { ring: ring.id, ...accountOf(ring) };
  } finally {
    await ring.close();
  }
}

const nothing = (): void => undefined;
const quiet: Log = { error: nothing, warn: nothing, info: nothing, debug: nothing, with: () => quiet };
