import type { Account } from '#api';
import { tryAsk } from '../client.ts';
import { exitCodes } from '../exit.ts';
import { print, printJson, readerName, table } from '../output.ts';
import { type CommonOptions, type Places, placesOf } from '../paths.ts';

interface Inbound {
  readonly from: string;
  readonly name: string | null;
  readonly lane: string;
  readonly stored: number;
  readonly duplicates: number;
  readonly refused: number;
  readonly lost: number;
}

type Audit = Account & { readonly inbound?: readonly Inbound[] };

/** accepted = delivered + expired + dropped (by reason) + pending, for every reader of the ring; exit code 1 if not. */
export async function audit(options: CommonOptions): Promise<void> {
  const places = placesOf(options);
  const running = await tryAsk(places.data, 'GET', '/hypha/v1/ring/audit');
  const found = running === null ? await fromDisk(places) : (running.body as Audit);
  if (!found.addsUp) process.exitCode = exitCodes.failed;
  if (options.json) return printJson(found);
  print(accountTable(found, options.wide));
  if (found.inbound !== undefined && found.inbound.length > 0) print(`\n${inboundTable(found.inbound, options.wide)}`);
  print(found.addsUp ? '\nEverything is accounted for.' : '\nNot everything is accounted for.');
}

function accountTable({ lines }: Audit, wide: boolean | undefined): string {
  const rows = lines.map(({ cursor, accepted, delivered, expired, dropped, pending, addsUp }) => [
    readerName(cursor),
    accepted,
    delivered,
    expired,
    sumOf(dropped),
    pending,
    addsUp ? 'yes' : 'NO',
  ]);
  const head = ['READER', 'ACCEPTED', 'DELIVERED', 'EXPIRED', 'DROPPED', 'PENDING', 'ADDS UP'];
  return table(head, rows, { cut: [0], wide, under: (row) => reasonsOf(lines[row]?.dropped ?? {}) });
}

type Dropped = Account['lines'][number]['dropped'] | Readonly<Record<string, number>>;

const sumOf = (dropped: Dropped): number => Object.values(dropped).reduce((sum, count) => sum + count, 0);

/** `dropped: full 3, refused 2`, or nothing. */
function reasonsOf(dropped: Dropped): string {
  const reasons = Object.entries(dropped).filter(([, count]) => count > 0);
  return reasons.length === 0 ? '' : `dropped: ${reasons.map(([reason, count]) => `${reason} ${count}`).join(', ')}`;
}

function inboundTable(lines: readonly Inbound[], wide: boolean | undefined): string {
  const rows = lines.map((line) => [
    line.name ?? `${line.from.slice(0, 12)}…`,
    line.lane,
    line.stored,
    line.duplicates,
    line.refused,
    line.lost,
  ]);
  return table(['FROM', 'LANE', 'STORED', 'CAME AGAIN', 'REFUSED', 'LOST BEFORE'], rows, { cut: [0], wide });
}

/** No agent runs: the ring is opened as an agent would, under the same lock, and closed again. */
async function fromDisk(places: Places): Promise<Audit> {
  const { accountOffline } = await import('../offline.ts');
  return accountOffline(places);
}
