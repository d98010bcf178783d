import { readdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Configuration, readSettings } from '#app';
import { messageOf } from '#kernel';
import { CommandError, exitCodes } from './exit.ts';
import { type Places, piecesDirectory } from './paths.ts';

/** The settings of files and environment. Throws `ConfigError`, or `CommandError` when a file cannot be read. */
export async function loadSettings(places: Places, variables = process.env): Promise<Configuration> {
  const files = [...(await mainFile(places)), ...(await pieces(places.config))];
  return readSettings({ files, variables, hostname: hostname() });
}

interface File {
  readonly name: string;
  readonly text: string;
}

async function mainFile({ config, configNamed }: Places): Promise<File[]> {
  const file = await read(config);
  if (file !== null) return [file];
  if (!configNamed) return [];
  throw new CommandError(
    exitCodes.configuration,
    `${config}: found nothing, wanted a configuration file; make one with: hypha init`,
  );
}

async function pieces(config: string): Promise<File[]> {
  const directory = piecesDirectory(config);
  const names = await readdir(directory).catch(() => []);
  const files = names.filter((name) => name.endsWith('.toml')).sort();
  const read1 = await Promise.all(files.map((name) => read(join(directory, name))));
  return read1.filter((file) => file !== null);
}

async function read(name: string): Promise<File | null> {
  try {
    return { name, text: await readFile(name, 'utf8') };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new CommandError(exitCodes.configuration, `${name}: ${messageOf(error)}, wanted a readable file`);
  }
}
