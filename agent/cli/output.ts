/** Answers go to stdout: JSON for programs, short aligned tables for people. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, process.stdout.isTTY ? 2 : 0));
}

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

type Cell = string | number | null;

export interface TableLook {
  /** Columns that may be cut to fit the terminal, in this order; `--wide` and `--json` show all of them. */
  readonly cut: readonly number[];
  readonly wide?: boolean | undefined;
  /** A line under a row, for what has no column. */
  readonly under?: (row: number) => string;
}

/** A column is cut no further than this: enough to tell keys apart. */
const leastWidth = 13;
const between = 2;

/** Columns as wide as their widest cell, nothing but spaces between them; on a terminal, no wider than it. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], look: TableLook): string {
  const cells = [head, ...rows.map((row) => row.map((cell) => (cell === null ? '-' : String(cell))))];
  const widest = head.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  const widths = narrow(widest, look);
  return cells
    .flatMap((row, index) => {
      const line = row.map((cell, column) => shorten(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0));
      const under = index === 0 ? '' : (look.under?.(index - 1) ?? '');
      return [line.join(' '.repeat(between)).trimEnd(), ...(under === '' ? [] : [`  ${under}`])];
    })
    .join('\n');
}

function narrow(widths: readonly number[], { cut, wide }: TableLook): number[] {
  const narrowed = [...widths];
  const room = wide === true ? Number.POSITIVE_INFINITY : (process.stdout.columns ?? Number.POSITIVE_INFINITY);
  for (const column of cut) {
    const excess = narrowed.reduce((sum, width) => sum + width + between, -between) - room;
    const width = narrowed[column] ?? 0;
    if (excess > 0) narrowed[column] = Math.min(width, Math.max(leastWidth, width - excess));
  }
  return narrowed;
}

/** The beginning and, of what is long, the end: addresses of one network differ there. */
function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const end = width < 20 ? 0 : 9;
  return `${text.slice(0, width - 1 - end)}…${text.slice(text.length - end, end === 0 ? 0 : undefined)}`;
}

/** A reader of the ring, short enough for a table: of a key its first digits (`--json` has all of it). */
export const readerName = (cursor: string): string => cursor.replace(/([0-9a-f]{12})[0-9a-f]{52}/, '$1…');

export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let index = 0;
  let value = bytes;
  while (value >= 1024 && index < units.length - 1) {
    value /= 1024;
    index++;
  }
  return `${index === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[index]}`;
}

export function duration(ms: number): string {
  if (ms < 1000) return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  const seconds = ms / 1000;
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
