import { parse, TomlDate, TomlError } from 'smol-toml';
import { ConfigError, type Problem } from './problem.ts';

export type Tree = Readonly<Record<string, unknown>>;

/** One file or variable and what it sets. */
export interface Source {
  readonly name: string;
  readonly tree: Tree;
}

/** Parses a file of the configuration. Throws `ConfigError` with line and column. */
export function parseToml(name: string, text: string): Tree {
  try {
    return parse(text);
  } catch (error) {
    throw new ConfigError([tomlProblem(name, error)]);
  }
}

function tomlProblem(name: string, error: unknown): Problem {
  const place = error instanceof TomlError ? `line ${error.line}, column ${error.column}` : '';
  const said = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  const why = said.replace(/^Invalid TOML document: /, '');
  return {
    source: name,
    path: place,
    found: `text that is not TOML (${why})`,
    wanted: 'lines such as key = "value"',
    remedy: 'correct that line',
  };
}

/** Later sources over earlier ones: tables merge, lists of tables grow, everything else is replaced. */
export function merge(sources: readonly Source[]): Tree {
  return sources.reduce<Tree>((below, source) => mergeTables(below, source.tree), {});
}

function mergeTables(below: Tree, above: Tree): Tree {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) merged[key] = mergeValues(below[key], value);
  return merged;
}

function mergeValues(below: unknown, above: unknown): unknown {
  if (isTable(below) && isTable(above)) return mergeTables(below, above);
  if (isListOfTables(below) && isListOfTables(above)) return [...below, ...above];
  return above;
}

/** Which source set what stands at `path` in the merged tree: the last that has it, counting through grown lists. */
export function sourceOf(sources: readonly Source[], path: readonly PropertyKey[]): string {
  let owner = sources.at(-1)?.name ?? '';
  let best = 0;
  let passed = 0;
  for (const source of sources) {
    const local = typeof path[1] === 'number' ? shift(path, passed) : path;
    const depth = depthOf(source.tree, local);
    if (depth > 0 && depth >= best) {
      best = depth;
      owner = source.name;
    }
    const own = source.tree[String(path[0])];
    if (isListOfTables(own)) passed += own.length;
  }
  return owner;
}

const shift = (path: readonly PropertyKey[], by: number): readonly PropertyKey[] =>
  path.map((part, index) => (index === 1 && typeof part === 'number' ? part - by : part));

/** How many steps of the path exist in the tree. */
function depthOf(tree: Tree, path: readonly PropertyKey[]): number {
  let at: unknown = tree;
  for (const [depth, part] of path.entries()) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return depth;
    at = Reflect.get(at, part);
  }
  return path.length;
}

export function isTable(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof TomlDate);
}

function isListOfTables(value: unknown): value is readonly Tree[] {
  return Array.isArray(value) && value.length > 0 && value.every(isTable);
}
