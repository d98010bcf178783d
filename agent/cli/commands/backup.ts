import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { archiveOf, type BackupEntry, entriesOf, entriesOfStopped, findIdentity } from '#app';
import { messageOf } from '#kernel';
import { keyFiles, systemDisk } from '#platform';
import { stream } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson, size } from '../output.ts';
import { type CommonOptions, type Places, piecesDirectory, placesOf } from '../paths.ts';
import { Progress } from '../progress.ts';

export interface BackupOptions extends CommonOptions {
  readonly identity?: boolean;
  readonly force?: boolean;
}

/** One file with what a node needs to go on: its ring, what waits in it, configuration; with `--identity` its key. */
export async function backup(file: string, options: BackupOptions): Promise<void> {
  const places = placesOf(options);
  const draft = `${file}.part`;
  const handle = await open(draft, 'w', 0o600).catch((error: unknown) => {
    throw new CommandError(exitCodes.io, `${draft}: ${messageOf(error)}, wanted to write it`);
  });
  const progress = new Progress('backed up');
  let bytes = 0;
  try {
    await handle.chmod(0o600);
    if (options.force !== true) await refuseExisting(file);
    for await (const piece of archiveOf(entries(places, options.identity === true))) {
      await handle.write(piece);
      bytes += piece.length;
      progress.at(bytes);
    }
    await handle.sync();
    await handle.close();
    await rename(draft, file);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(draft, { force: true });
    throw error;
  } finally {
    progress.end();
  }
  if (options.json) return printJson({ file, bytes, identity: options.identity === true });
  print(
    `${file}: ${size(bytes)}${options.identity === true ? ', with the identity: keep it secret' : ', without the identity'}`,
  );
}

async function refuseExisting(file: string): Promise<void> {
  const there = await readFile(file, { flag: 'r' }).then(
    () => true,
    () => false,
  );
  if (there)
    throw new CommandError(exitCodes.usage, `${file}: found a file, wanted a new name; to replace it: --force`);
}

async function* entries(places: Places, withIdentity: boolean): AsyncGenerator<BackupEntry> {
  const whole = (path: string, bytes: Uint8Array): BackupEntry => ({ kind: 'bytes', path, offset: 0, bytes });
  const identity = await findIdentity(places.data);
  if (identity === null) {
    throw new CommandError(
      exitCodes.unavailable,
      `${places.data}: found no identity, wanted the data of a node; see --data`,
    );
  }
  const about = { version: 1, publicKey: identity.publicKey, identity: withIdentity };
  yield whole('backup.json', Buffer.from(JSON.stringify(about)));
  if (withIdentity) {
    const key = await keyFiles.read(join(places.data, 'identity.key'));
    if (key !== null) yield whole('identity.key', key);
    const ringKey = await keyFiles.read(join(places.data, 'ring.key'));
    if (ringKey !== null) yield whole('ring.key', ringKey);
  }
  for (const [path, bytes] of await configurationOf(places)) yield whole(path, bytes);
  yield* state(places);
}

async function configurationOf(places: Places): Promise<[string, Uint8Array][]> {
  const found: [string, Uint8Array][] = [];
  const main = await readFile(places.config).catch(() => null);
  if (main !== null) found.push(['config/hypha.toml', main]);
  const directory = piecesDirectory(places.config);
  for (const name of await readdir(directory).catch(() => [])) {
    if (/^[\w-][\w.-]*\.toml$/.test(name)) found.push([`config/conf.d/${name}`, await readFile(join(directory, name))]);
  }
  return found;
}

/** From the agent if it runs, from its files if it does not. */
async function* state({ data }: Places): AsyncGenerator<BackupEntry> {
  const running = await stream(data, '/hypha/v1/backup');
  if (running !== null) {
    yield* entriesOf(running);
    return;
  }
  const disk = systemDisk();
  const lock = await disk.lock(join(data, 'lock'));
  try {
    yield* entriesOfStopped(disk, data);
  } finally {
    await lock.release();
  }
}
