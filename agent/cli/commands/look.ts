import { ask } from '../client.ts';
import { duration, print, printJson, readerName, size, table } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';
import { type Route, routeTable } from '../route-table.ts';
import { type Lane, lanesText } from './lanes.ts';
import { cardOf, type Wrote, writesText } from './wear.ts';

/** What a running agent shows. The answers' shapes are agent/api/views.ts. */

interface Peer {
  readonly endpoint: string;
  readonly kind: string;
  readonly state: string;
  readonly roundTripMs: number | null;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly connectedForMs: number | null;
  readonly why: string | null;
  readonly linkCost: number;
  readonly rxBytesPerSecond?: number;
  readonly txBytesPerSecond?: number;
}

export async function peers(options: CommonOptions): Promise<void> {
  const found = await get<readonly Peer[]>(options, 'peers');
  if (options.json) return printJson(found);
  if (found.length === 0) return print('No peer. What to do about it: hypha doctor');
  const rows = found.map((peer) => [
    peer.endpoint,
    peer.kind,
    peer.state,
    peer.roundTripMs === null ? null : duration(peer.roundTripMs),
    peer.state === 'alive' ? peer.linkCost : null,
    rated(peer.rxBytes, peer.rxBytesPerSecond, options.wide),
    rated(peer.txBytes, peer.txBytesPerSecond, options.wide),
    peer.connectedForMs === null ? null : duration(peer.connectedForMs),
  ]);
  const head = ['PEER', 'KIND', 'STATE', 'ROUND TRIP', 'COST', 'IN', 'OUT', 'FOR'];
  print(table(head, rows, { cut: [0], wide: options.wide }));
  for (const { endpoint, why } of found) if (why !== null) print(`${endpoint}: ${why}`);
}

/** With `--wide` what passes now, too. */
const rated = (bytes: number, perSecond: number | undefined, wide: boolean | undefined): string =>
  wide === true && perSecond !== undefined ? `${size(bytes)}, ${size(perSecond)}/s` : size(bytes);

interface Queried {
  readonly subnet: string;
  readonly expiresInMs: number;
}

/** Every route that is known; below, what was asked for and has not come. */
export async function routes(options: CommonOptions & { readonly queried?: boolean }): Promise<void> {
  const queried = await get<readonly Queried[]>(options, 'routes/queried');
  if (options.queried === true && options.json) return printJson(queried);
  if (options.queried !== true) {
    const found = await get<readonly Route[]>(options, 'routes');
    if (options.json) return printJson(found);
    print(found.length === 0 ? 'No route.' : routeTable(found, options.wide));
  }
  for (const { subnet, expiresInMs } of queried) print(`${subnet}: asked for, ${duration(expiresInMs)} left to answer`);
}

interface Link {
  readonly name: string;
  readonly to: string;
  readonly lane: string;
  readonly topics: readonly string[];
  readonly state: string;
  readonly why: string | null;
  readonly refused: number;
  readonly pending: number;
  readonly inFlight: number;
  readonly delivered: number;
  readonly roundTripMs: number | null;
  readonly alarms: readonly string[];
}

export async function links(options: CommonOptions): Promise<void> {
  const found = await get<readonly Link[]>(options, 'links');
  if (options.json) return printJson(found);
  if (found.length === 0) return print('No link. What goes to whom is a [[link]] in the configuration.');
  const rows = found.map((link) => [
    link.name,
    link.to,
    link.lane,
    link.state,
    link.pending,
    link.delivered,
    link.roundTripMs === null ? null : duration(link.roundTripMs),
  ]);
  const under = (row: number): string => found[row]?.topics.join(' ') ?? '';
  const head = ['LINK', 'TO', 'LANE', 'STATE', 'PENDING', 'DELIVERED', 'ROUND TRIP'];
  print(table(head, rows, { cut: [1, 0], wide: options.wide, under }));
  for (const line of alarmLines(found)) print(line);
  for (const { name, to, why, refused } of found) {
    if (why !== null) print(`${name}: ${why}`);
    if (refused > 0)
      print(`${name}: ${refused} not taken: no [[accept]] at ${to} names them, or no [[link]] here any more`);
  }
}

const alarmTexts: Readonly<Record<string, string>> = {
  'ours-went-back': 'this ring knows less than it has sent there: an older image, or a clone',
  'theirs-went-back': 'its ring knows less than it has acknowledged: an older image, or a new ring',
  'ours-went-back-expected': 'this ring was restored from a backup',
  'theirs-went-back-expected': 'its ring was restored from a backup',
  cloned: 'two nodes with its key are alive',
};

function alarmLines(found: readonly Link[]): string[] {
  const lines = found.flatMap(({ to, alarms }) => alarms.map((alarm) => `${to}: ${alarmTexts[alarm] ?? alarm}`));
  return [...new Set(lines)].map((line) => `${line} (hypha doctor)`);
}

interface RingStatus extends Wrote {
  readonly lanes: readonly Lane[];
  readonly state: string;
  readonly why: string | null;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly oldestAge: number;
  readonly head: number;
  readonly durable: number;
  readonly damagedRecords: number;
  readonly account: { readonly lines: readonly Line[] };
}

interface Line {
  readonly cursor: string;
  readonly accepted: number;
  readonly delivered: number;
  readonly pending: number;
}

export async function ring(options: CommonOptions & { readonly card?: string }): Promise<void> {
  const card = cardOf(options.card ?? '32GB/consumer');
  const found = await get<RingStatus>(options, 'ring');
  if (options.json) return printJson(found);
  const why = found.why === null ? '' : ` (${found.why})`;
  print(
    `${found.state}${why}: ${size(found.usedBytes)} used of ${size(found.sizeBytes)}, oldest ${duration(found.oldestAge)}`,
  );
  print(lanesText(found.lanes, options.wide));
  if (found.damagedRecords > 0) print(`${found.damagedRecords} damaged records set aside`);
  print(writesText(found, card));
  if (found.account.lines.length === 0) return print('No reader: neither a link nor a persistent session.');
  const rows = found.account.lines.map((line) => [
    readerName(line.cursor),
    line.accepted,
    line.delivered,
    line.pending,
  ]);
  print(table(['READER', 'ACCEPTED', 'DELIVERED', 'PENDING'], rows, { cut: [0], wide: options.wide }));
}

async function get<T>(options: CommonOptions, what: string): Promise<T> {
  const { body } = await ask(placesOf(options).data, 'GET', `/hypha/v1/${what}`);
  return body as T;
}
