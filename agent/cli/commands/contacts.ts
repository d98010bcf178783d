import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Configuration, isName } from '#app';
import { addressOf, formatAddress } from '#crypto';
import { messageOf, type PublicKey, parsePublicKey } from '#kernel';
import { ask, tryAsk } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson, table } from '../output.ts';
import { type CommonOptions, type Places, piecesDirectory, placesOf } from '../paths.ts';
import { loadSettings } from '../settings.ts';
import { keyOfCard } from './card.ts';

interface ContactLine {
  readonly name: string;
  readonly publicKey: string;
  readonly address: string;
  /** Null when no agent runs to know. */
  readonly reachable: boolean | null;
}

export async function contacts(options: CommonOptions): Promise<void> {
  const places = placesOf(options);
  const running = await tryAsk(places.data, 'GET', '/hypha/v1/contacts');
  const found = running === null ? linesOf(await loadSettings(places)) : (running.body as readonly ContactLine[]);
  if (options.json) return printJson(found);
  if (found.length === 0) return print('No contact. Add one: hypha contacts add NAME KEY');
  const rows = found.map((line) => [line.name, line.publicKey, line.address, reachability(line)]);
  print(table(['NAME', 'PUBLIC KEY', 'ADDRESS', 'REACHABLE'], rows, { cut: [1, 2, 0], wide: options.wide }));
}

const linesOf = (settings: Configuration): ContactLine[] =>
  Object.entries(settings.contacts).map(([name, key]) => ({
    name,
    publicKey: key,
    address: formatAddress(addressOf(key)),
    reachable: null,
  }));

const reachability = ({ reachable }: ContactLine): string | null =>
  reachable === null ? null : reachable ? 'yes' : 'no';

/** Writes conf.d/contacts.toml, and tells a running agent. */
export async function addContact(name: string, keyOrCard: string, options: CommonOptions): Promise<void> {
  const key = parseContact(name, keyOrCard);
  const places = placesOf(options);
  const known = (await loadSettings(places)).contacts;
  const before = known[name];
  if (before !== undefined && before !== key) {
    throw new CommandError(
      exitCodes.failed,
      `contact ${name}: found another key for it, wanted a new name; remove the old entry first`,
    );
  }
  if (before === undefined) await write(places, name, key);
  const running = await tell(places, name, key);
  if (options.json) return printJson({ name, publicKey: key, running });
  print(`${name} is ${formatAddress(addressOf(key))}${running ? '' : ' (from the next start on)'}`);
  if (running) print('The running agent takes its messages; links and accepts naming it need a restart.');
}

function parseContact(name: string, keyOrCard: string): PublicKey {
  const key = parsePublicKey(keyOfCard(keyOrCard));
  if (key === null)
    throw new CommandError(
      exitCodes.usage,
      `KEY: found ${JSON.stringify(keyOrCard)}, wanted a public key of 64 hex digits`,
    );
  if (!isName(name))
    throw new CommandError(
      exitCodes.usage,
      `NAME: found ${JSON.stringify(name)}, wanted letters, digits, ".", "_" and "-"`,
    );
  return key;
}

async function write(places: Places, name: string, key: PublicKey): Promise<void> {
  const directory = piecesDirectory(places.config);
  const file = join(directory, 'contacts.toml');
  try {
    await mkdir(directory, { recursive: true });
    const text = await readFile(file, 'utf8').catch(() => '# Written by: hypha contacts add\n[contacts]\n');
    await writeFile(`${file}.new`, `${text.replace(/\n*$/, '\n')}${JSON.stringify(name)} = "${key}"\n`);
    await rename(`${file}.new`, file);
  } catch (error) {
    throw new CommandError(
      exitCodes.denied,
      `${file}: ${messageOf(error)}, wanted to write it; choose another place with --config`,
    );
  }
}

/** False when no agent runs. */
async function tell(places: Places, name: string, publicKey: PublicKey): Promise<boolean> {
  if ((await tryAsk(places.data, 'GET', '/hypha/v1/id')) === null) return false;
  await ask(places.data, 'POST', '/hypha/v1/contacts', { name, publicKey });
  return true;
}
