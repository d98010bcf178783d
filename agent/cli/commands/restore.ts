import { createReadStream } from 'node:fs';
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BackupEntry, entriesOf, refuseUnlessEmpty, restoreInto } from '#app';
import { messageOf } from '#kernel';
import { systemDisk } from '#platform';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson, size } from '../output.ts';
import { type CommonOptions, piecesDirectory, placesOf } from '../paths.ts';
import { Progress } from '../progress.ts';

interface About {
  readonly publicKey: string;
  readonly identity: boolean;
}

/** Makes a node of a backup, in an empty data directory; the configuration only where there is none. */
export async function restore(file: string, options: CommonOptions): Promise<void> {
  const places = placesOf(options);
  const disk = systemDisk();
  await makeData(places.data);
  await refuseUnlessEmpty(disk, places.data);
  const settings = new Map<string, Uint8Array>();
  const about = await examine(file, settings);
  const lock = await disk.lock(join(places.data, 'lock'));
  const progress = new Progress('restored');
  let bytes = 0;
  try {
    const ports = { disk, removeTree: (path: string) => rm(path, { recursive: true, force: true }) };
    await restoreInto(ports, places.data, stateOf(file), (so) => {
      bytes = so;
      progress.at(so);
    });
    if (about.identity) for (const name of ['identity.key', 'ring.key']) await ownersOnly(join(places.data, name));
  } finally {
    progress.end();
    await lock.release();
  }
  const written = await restoreSettings(places.config, settings);
  const { publicKey, identity } = about;
  if (options.json) return printJson({ data: places.data, bytes, publicKey, identity, config: written });
  print(`${places.data}: ${size(bytes)} restored of the node ${publicKey}`);
  if (!identity)
    print('without its identity: put its identity.key there, or it gets a new key, which its contacts must be told');
  print(written ? `configuration  ${places.config}` : `configuration  ${places.config} (kept as it was)`);
  print('Start it with: hypha run. Do not start the node that the backup was made of again.');
}

/** No error when there is no such file: not every ring is encrypted, and its key may lie elsewhere. */
async function ownersOnly(path: string): Promise<void> {
  await chmod(path, 0o600).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  });
}

async function makeData(data: string): Promise<void> {
  await mkdir(data, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new CommandError(
      exitCodes.denied,
      `${data}: ${messageOf(error)}, wanted a directory; choose another with --data`,
    );
  });
}

/** Reads it through before anything is written: it is whole, or refused. */
async function examine(file: string, settings: Map<string, Uint8Array>): Promise<About> {
  let about: About | null = null;
  for await (const entry of entriesIn(file)) {
    if (entry.kind !== 'bytes') continue;
    if (entry.path === 'backup.json') about = JSON.parse(Buffer.from(entry.bytes).toString()) as About;
    if (entry.path.startsWith('config/')) settings.set(entry.path.slice('config/'.length), entry.bytes);
  }
  if (about === null)
    throw new CommandError(exitCodes.failed, `${file}: found no node in it, wanted a backup of hypha`);
  return about;
}

async function* entriesIn(file: string): AsyncGenerator<BackupEntry> {
  const size = await stat(file).catch((error: unknown) => {
    throw new CommandError(exitCodes.io, `${file}: ${messageOf(error)}, wanted a backup`);
  });
  if (!size.isFile()) throw new CommandError(exitCodes.usage, `${file}: found no file, wanted a backup`);
  yield* entriesOf(createReadStream(file, { highWaterMark: 1 << 20 }));
}

async function* stateOf(file: string): AsyncGenerator<BackupEntry> {
  for await (const entry of entriesIn(file)) {
    if (entry.path !== 'backup.json' && !entry.path.startsWith('config/')) yield entry;
  }
}

/** False: there is a configuration, and it was left alone. */
async function restoreSettings(config: string, settings: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
  const main = settings.get('hypha.toml');
  const there = await readFile(config).then(
    () => true,
    () => false,
  );
  if (there || main === undefined) return false;
  await mkdir(dirname(config), { recursive: true });
  await writeFile(config, main, { mode: 0o600 });
  for (const [name, bytes] of settings) {
    if (!name.startsWith('conf.d/')) continue;
    await mkdir(piecesDirectory(config), { recursive: true });
    await writeFile(join(piecesDirectory(config), name.slice('conf.d/'.length)), bytes, { mode: 0o600 });
  }
  return true;
}
