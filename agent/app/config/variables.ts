import { parse } from 'smol-toml';
import type * as z from 'zod/mini';
import { closest } from './closest.ts';
import { ConfigError } from './problem.ts';
import { schema } from './schema.ts';
import type { Source } from './source.ts';
import { keysOf, kindOf } from './tree.ts';

/** Variables of the command itself, not settings. */
const own = new Set(['HYPHA_CONFIG', 'HYPHA_DATA']);

/** The name of a setting as an environment variable. */
export const variableOf = (section: string, key: string): string => `HYPHA_${section}_${key}`.toUpperCase();

/**
 * Settings from the environment: `HYPHA_RING_SIZE=64MB`, lists with commas or as TOML, and whole sections as TOML
 * (`HYPHA_LINK=[{to="hub",topics=["a/#"]}]`, `HYPHA_CONTACTS={hub="57…"}`). A variable of a section that does not
 * exist is not ours, unless it looks like a slip.
 */
export function fromVariables(variables: Readonly<Record<string, string | undefined>>): Source[] {
  const sources: Source[] = [];
  for (const [variable, text] of Object.entries(variables).sort()) {
    if (!variable.startsWith('HYPHA_') || own.has(variable) || text === undefined) continue;
    const source = readVariable(variable, text);
    if (source !== null) sources.push(source);
  }
  return sources;
}

function readVariable(variable: string, text: string): Source | null {
  const [section = '', ...rest] = variable.slice('HYPHA_'.length).toLowerCase().split('_');
  const sections = keysOf(schema);
  const found = sections[section];
  if (found === undefined) return refuseSlip(variable, section, Object.keys(sections));
  if (rest.length === 0) return { name: variable, tree: { [section]: parseValue(variable, text) } };
  const key = rest.join('_');
  if (section === 'contacts') return { name: variable, tree: { contacts: { [key]: text } } };
  const setting = keysOf(found)[key];
  if (setting === undefined) return refuseKey(variable, section, key, Object.keys(keysOf(found)));
  return { name: variable, tree: { [section]: { [key]: settingValue(variable, text, setting) } } };
}

function settingValue(variable: string, text: string, setting: z.core.$ZodType): unknown {
  switch (kindOf(setting)) {
    case 'array':
      if (text.trim().startsWith('[')) return parseValue(variable, text);
      return text === '' ? [] : text.split(',').map((part) => part.trim());
    case 'string':
      return text;
    default:
      return text === '' ? text : parseValue(variable, text);
  }
}

/** A TOML value; what is none stays text, and the schema says what was wanted. */
function parseValue(variable: string, text: string): unknown {
  try {
    return parse(`value = ${text.replaceAll('\n', ' ')}`)['value'];
  } catch (error) {
    if (!/^[[{]/.test(text.trim())) return text;
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    const wanted = 'a TOML value such as [{ to = "hub", topics = ["plant/#"] }]';
    throw new ConfigError([
      { source: variable, path: '', found: `text that is not TOML (${why})`, wanted, remedy: 'correct it' },
    ]);
  }
}

function refuseSlip(variable: string, section: string, sections: readonly string[]): null {
  const meant = section.length > 2 ? closest(section, sections) : null;
  if (meant === null) return null;
  throw unknownVariable(variable, `did you mean HYPHA_${meant.toUpperCase()}${variable.slice(6 + section.length)}?`);
}

function refuseKey(variable: string, section: string, key: string, keys: readonly string[]): never {
  const meant = closest(key, keys);
  const known = keys.length === 0 ? `HYPHA_${section.toUpperCase()}` : variableOf(section, meant ?? keys[0] ?? '');
  throw unknownVariable(variable, meant === null ? `for example ${known}` : `did you mean ${known}?`);
}

function unknownVariable(variable: string, remedy: string): ConfigError {
  return new ConfigError([
    { source: 'environment', path: '', found: `the variable ${variable}`, wanted: 'one of a known setting', remedy },
  ]);
}
