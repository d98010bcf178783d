import type { Settings } from './schema.ts';
import { parseToml, type Source } from './source.ts';
import { validate } from './validate.ts';
import { isName } from './values.ts';
import { fromVariables } from './variables.ts';

/** Where settings come from, as text: the command line reads the files. */
export interface SettingsInput {
  /** hypha.toml, then conf.d in the order of names. */
  readonly files: readonly { readonly name: string; readonly text: string }[];
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** What `node.name` is when it is not set. */
  readonly hostname: string;
}

/** `Settings` with the name settled. */
export interface Configuration extends Settings {
  readonly name: string;
}

/** Files, then variables, later over earlier. Throws `ConfigError` with every problem of the first kind met. */
export function readSettings(input: SettingsInput): Configuration {
  const files: Source[] = input.files.map(({ name, text }) => ({ name, tree: parseToml(name, text) }));
  const settings = validate([...files, ...fromVariables(input.variables)]);
  return { ...settings, name: settings.node.name ?? nameOf(input.hostname) };
}

/** A host name as a node's name: what a name may not hold becomes "-". */
function nameOf(hostname: string): string {
  const name = hostname
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64);
  return isName(name) ? name : 'gateway';
}
