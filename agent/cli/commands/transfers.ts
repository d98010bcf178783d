import { ask } from '../client.ts';
import { duration, print, printJson, size, table } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';

/** As /hypha/v1/transfers has it (agent/api/files.ts). */
export interface Transfer {
  readonly id: string;
  readonly direction: 'in' | 'out';
  readonly peer: string;
  readonly name: string;
  readonly path: string | null;
  readonly sizeBytes: number;
  readonly doneBytes: number;
  readonly bytesPerSecond: number | null;
  readonly state: string;
  readonly why: string | null;
}

/** Files on their way, and the latest that ended. */
export async function transfers(options: CommonOptions): Promise<void> {
  const found = await list(options);
  if (options.json) return printJson(found);
  if (found.length === 0) return print('No file on its way. To send one: hypha send TO --file FILE');
  const rows = found.map((one) => [
    one.id.slice(0, 8),
    one.direction === 'out' ? `to ${one.peer}` : `from ${one.peer}`,
    one.name,
    size(one.sizeBytes),
    percent(one),
    one.bytesPerSecond === null ? null : `${size(one.bytesPerSecond)}/s`,
    one.state,
  ]);
  const under = (row: number): string => found[row]?.why ?? '';
  const head = ['ID', 'PEER', 'FILE', 'SIZE', 'DONE', 'RATE', 'STATE'];
  print(table(head, rows, { cut: [2, 1], wide: options.wide, under }));
}

/** Files that have come: the place of each, the oldest first. */
export async function received(options: CommonOptions): Promise<void> {
  const found = (await list(options)).filter(({ direction, state }) => direction === 'in' && state === 'done');
  if (options.json) return printJson(found);
  for (const { path } of found) print(path ?? '');
}

export async function cancelTransfer(id: string, options: CommonOptions): Promise<void> {
  await ask(placesOf(options).data, 'DELETE', `/hypha/v1/transfers/${encodeURIComponent(id)}`);
}

async function list(options: CommonOptions): Promise<readonly Transfer[]> {
  const { body } = await ask(placesOf(options).data, 'GET', '/hypha/v1/transfers');
  return body as readonly Transfer[];
}

export const percent = ({ sizeBytes, doneBytes }: Transfer): string =>
  sizeBytes === 0 ? '-' : `${Math.floor((100 * doneBytes) / sizeBytes)} %`;

const barWidth = 24;

/** A line that is written over: a bar, figures, and what it waits for. */
export function progressLine(transfer: Transfer): string {
  const { sizeBytes, doneBytes, bytesPerSecond, state, why, name } = transfer;
  const full = sizeBytes === 0 ? 0 : Math.floor((barWidth * doneBytes) / sizeBytes);
  const bar = `[${'#'.repeat(full)}${'.'.repeat(barWidth - full)}]`;
  const figures = `${percent(transfer)} of ${size(sizeBytes)}`;
  if (state !== 'flowing') return `${name} ${bar} ${figures}, ${why ?? state}`;
  if (bytesPerSecond === null || bytesPerSecond === 0) return `${name} ${bar} ${figures}`;
  const left = duration((1000 * (sizeBytes - doneBytes)) / bytesPerSecond);
  return `${name} ${bar} ${figures}, ${size(bytesPerSecond)}/s, ${left} left`;
}
