import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { isName, openIdentity } from '#app';
import { messageOf } from '#kernel';
import { systemRandom } from '#platform';
import { CommandError, exitCodes } from '../exit.ts';
import { print, printJson } from '../output.ts';
import { type CommonOptions, type Places, placesOf } from '../paths.ts';
import { loadSettings } from '../settings.ts';
import { type Card, cardLines, cardOfIdentity } from './card.ts';

/** Makes what is missing, keeps what is there: identity and configuration. */
export async function init(options: CommonOptions & { readonly name?: string; readonly lan?: boolean }): Promise<void> {
  if (options.name !== undefined && !isName(options.name)) {
    throw new CommandError(
      exitCodes.usage,
      `--name: found ${JSON.stringify(options.name)}, wanted letters, digits, ".", "_" and "-"`,
    );
  }
  const places = placesOf(options);
  await makeDirectory(places.data, 0o700);
  const identity = await openIdentity(places.data, systemRandom());
  const made = await makeConfiguration(places, options.name ?? hostname(), options.lan === true);
  const { name } = await loadSettings({ ...places, configNamed: true });
  const card = cardOfIdentity(identity, name);
  if (options.json) return printJson({ ...card, config: places.config, data: places.data });
  await tell(card, places, made);
}

async function tell(card: Card, places: Places, made: boolean): Promise<void> {
  for (const line of cardLines(card)) print(line);
  print(`configuration  ${places.config}${made ? '' : ' (kept as it was)'}`);
  print(`state          ${places.data} (identity.key in it is this node: keep a copy)`);
  const { renderUnicodeCompact } = await import('uqr');
  print(`\n${renderUnicodeCompact(card.card)}`);
  print(`On the other node:  hypha contacts add ${card.name} ${card.publicKey}`);
  print('Here:               hypha run');
}

/** False when there is one already. */
async function makeConfiguration({ config }: Places, name: string, isLan: boolean): Promise<boolean> {
  await makeDirectory(dirname(config), 0o755);
  try {
    await writeFile(config, template(name, isLan), { flag: 'wx', mode: 0o644 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw new CommandError(
      exitCodes.denied,
      `${config}: ${messageOf(error)}, wanted to write it; choose another with --config`,
    );
  }
}

async function makeDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode }).catch((error: unknown) => {
    throw new CommandError(
      exitCodes.denied,
      `${path}: ${messageOf(error)}, wanted a directory; choose another with --data or --config`,
    );
  });
}

const alone = `# listen = ["tcp://[::]:9651"]          # let other nodes connect; by default only this machine may
# discovery = true                      # find neighbours on the local network`;

const onLan = `listen = ["tcp://[::]:9651"]
discovery = true                        # find neighbours on the local network`;

const template = (
  name: string,
  isLan: boolean,
): string => `# Every setting, its meaning and its default: hypha config docs
[node]
name = ${JSON.stringify(isName(name) ? name : 'gateway')}

[overlay]
${isLan ? onLan : alone}
# peers = ["tcp://192.0.2.1:9651"]      # nodes to connect to

# [contacts]
# hub = "64 hex digits"                 # or: hypha contacts add hub KEY

# [[link]]                              # what goes to whom
# to = "hub"
# topics = ["plant/#"]

# [[accept]]                            # what may come in, and from whom; nothing else may
# from = "hub"
# topics = ["plant/+/set"]
`;
