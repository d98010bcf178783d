import type * as z from 'zod/mini';
import { closest } from './closest.ts';
import { ConfigError, formatPath, type Problem, show, type Unplaced } from './problem.ts';
import { type Settings, schema } from './schema.ts';
import { isTable, merge, type Source, sourceOf, type Tree } from './source.ts';
import { checkTogether } from './together.ts';
import { keysOf, metaOf, schemaAt } from './tree.ts';

/** Later sources win. Throws `ConfigError` with every problem found. */
export function validate(sources: readonly Source[]): Settings {
  const merged = withDaemonDefaults(merge(sources));
  const parsed = schema.safeParse(merged, { reportInput: true });
  if (!parsed.success) throw new ConfigError(parsed.error.issues.flatMap((issue) => problemsOf(issue, sources)));
  const problems = checkTogether(parsed.data);
  if (problems.length > 0)
    throw new ConfigError(problems.map(({ path, ...problem }) => place({ ...problem, path }, sources)));
  return parsed.data;
}

/** A stock daemon has the usual ports of the API already. */
function withDaemonDefaults(tree: Tree): Tree {
  const { overlay, api } = tree;
  if (!isTable(overlay) || overlay['daemon'] === undefined || !(api === undefined || isTable(api))) return tree;
  return { ...tree, api: { listen: ['http://127.0.0.1:8987'], rpc: [], ...api } };
}

function place({ path, ...problem }: Unplaced, sources: readonly Source[]): Problem {
  return { ...problem, source: sourceOf(sources, path), path: formatPath(path) };
}

function problemsOf(issue: z.core.$ZodIssue, sources: readonly Source[]): Problem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => place(unknownKey([...issue.path, key], key), sources));
  const found = show(issue.input);
  const wanted = issue.message;
  return [place({ path: issue.path, found, wanted, remedy: remedyFor(wanted) }, sources)];
}

function unknownKey(path: readonly PropertyKey[], key: string): Unplaced {
  const table = schemaAt(schema, path.slice(0, -1));
  const keys = table === undefined ? {} : keysOf(table);
  const meant = closest(key, Object.keys(keys));
  const known = Object.entries(keys).flatMap(([name, kind]) => (metaOf(kind).later === true ? [] : [name]));
  const inTable = path.length === 1 ? 'a known section' : 'a known key';
  const remedy = meant === null ? `known here: ${known.join(', ')}` : `did you mean "${meant}"?`;
  return { path, found: `the unknown key "${key}"`, wanted: inTable, remedy };
}

const remedyFor = (wanted: string): string =>
  wanted.includes('not in this version') ? 'remove it' : 'correct it (`hypha config docs` explains every setting)';
