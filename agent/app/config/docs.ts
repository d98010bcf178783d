import * as z from 'zod/mini';
import { schema } from './schema.ts';
import { defaultOf, elementOf, keysOf, kindOf, type Meta, metaOf } from './tree.ts';
import { variableOf } from './variables.ts';

export interface SettingDoc {
  readonly key: string;
  readonly words: string;
  /** As written in TOML; null: none. */
  readonly fallback: string | null;
  /** As written in TOML, where there is no default. */
  readonly example: string | null;
  readonly doc: string;
  readonly variable: string | null;
}

export interface SectionDoc {
  readonly name: string;
  readonly repeated: boolean;
  readonly doc: string;
  readonly settings: readonly SettingDoc[];
}

/** Every setting of this version, in the order of the schema. What is not in this version is left out. */
export function sectionDocs(): SectionDoc[] {
  return Object.entries(keysOf(schema))
    .filter(([, section]) => metaOf(section).later !== true)
    .map(([name, section]) => sectionDoc(name, section));
}

/** For editors: the schema of hypha.toml. */
export function jsonSchema(): unknown {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

function sectionDoc(name: string, section: z.core.$ZodType): SectionDoc {
  const repeated = kindOf(section) === 'array';
  const table = repeated ? elementOf(section) : section;
  const settings = table === undefined ? [] : Object.entries(keysOf(table));
  return {
    name,
    repeated,
    doc: metaOf(section).description ?? '',
    settings: settings
      .filter(([, setting]) => metaOf(setting).later !== true)
      .map(([key, setting]) => settingDoc(key, setting, repeated ? null : variableOf(name, key))),
  };
}

function settingDoc(key: string, setting: z.core.$ZodType, variable: string | null): SettingDoc {
  const meta = metaOf(setting);
  const fallback = defaultOf(setting);
  return {
    key,
    words: wordsOf(setting, meta),
    fallback: fallback === undefined ? null : JSON.stringify(fallback),
    example: meta.example ?? null,
    doc: meta.description ?? '',
    variable,
  };
}

function wordsOf(setting: z.core.$ZodType, meta: Meta): string {
  const element = kindOf(setting) === 'array' ? elementOf(setting) : undefined;
  if (element !== undefined && meta.words === undefined) return `list of: ${metaOf(element).words ?? 'value'}`;
  return meta.words ?? kindOf(setting);
}

/** The documentation as a hypha.toml in which every line is a comment or a default. */
export function docsAsToml(): string {
  return sectionDocs().map(sectionText).join('\n');
}

function sectionText(section: SectionDoc): string {
  const head = section.repeated ? `# [[${section.name}]]` : `[${section.name}]`;
  const lines = section.settings.flatMap((setting) => settingLines(setting, section.repeated));
  return [...commented(section.doc), head, ...lines, ''].join('\n');
}

function settingLines(setting: SettingDoc, repeated: boolean): string[] {
  const variable = setting.variable === null ? '' : ` ${setting.variable}`;
  const explained = [...commented(setting.doc), `#   ${setting.words};${variable}`.replace(/;$/, '')];
  const mark = repeated || setting.fallback === null ? '# ' : '';
  return [...explained, `${mark}${setting.key} = ${setting.fallback ?? setting.example ?? ''}`];
}

/** Lines that fit a terminal of 80 columns. */
function commented(doc: string): string[] {
  const lines = [''];
  for (const word of doc.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`;
    if (longer.length < 80) lines[lines.length - 1] = longer;
    else lines.push(` ${word}`);
  }
  return lines.map((line) => `#${line}`);
}
