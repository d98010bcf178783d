import { AgentError } from '#kernel';

/** One thing wrong with a configuration, as a person needs it told. */
export interface Problem {
  /** File or environment variable. */
  readonly source: string;
  /** `link[0].topics[1]`; empty for the file as a whole. */
  readonly path: string;
  readonly found: string;
  readonly wanted: string;
  readonly remedy: string;
}

/** A problem that knows its path and not yet its source. */
export interface Unplaced extends Omit<Problem, 'source' | 'path'> {
  readonly path: readonly PropertyKey[];
}

/** Code `config/invalid`; its message is the first problem in one line. */
export class ConfigError extends AgentError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('config/invalid', 'reconfigure', summary(problems));
    this.problems = problems;
  }
}

/** `FILE: path: found X, wanted Y; do Z` */
export function formatProblem(problem: Problem): string {
  const where = [problem.source, problem.path].filter((part) => part !== '').join(': ');
  return `${where}: found ${problem.found}, wanted ${problem.wanted}; ${problem.remedy}`;
}

/** User and password in an address: never shown. */
const credentials = /\/\/[^"]*@/g;

/** A value as it stood in the file, short enough for one line. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'bigint') return String(value);
  const text = (JSON.stringify(value) ?? String(value)).replaceAll(credentials, '//…@');
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

function summary(problems: readonly Problem[]): string {
  const first = problems[0];
  if (first === undefined) return 'configuration: no problem';
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more: \`hypha check\` lists them)` : '';
  return formatProblem(first) + more;
}
