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
  print(accountTable(found));
  if (found.inbound !== undefined && found.inbound.length > 0) print(`\n${inboundTable(found.inbound)}`);
  print(found.addsUp ? '\nEverything is accounted for.' : '\nNot everything is accounted for.');
}

function accountTable({ lines }: Audit): string {
  const rows = lines.map(({ cursor, accepted, delivered, expired, dropped, pending, addsUp }) => [
    readerName(cursor),
    accepted,
    delivered,
    expired,
    droppedText(dropped),
    pending,
    addsUp ? 'yes' : 'NO',
  ]);
  return table(['READER', 'ACCEPTED', 'DELIVERED', 'EXPIRED', 'DROPPED', 'PENDING', 'ADDS UP'], rows);
}

/** `0`, or the sum with its reasons: `5 (full 3, refused 2)`. */
function droppedText(dropped: Account['lines'][number]['dropped']): string {
  const reasons = Object.entries(dropped).filter(([, count]) => count > 0);
  const sum = reasons.reduce((total, [, count]) => total + count, 0);
  return reasons.length === 0 ? '0' : `${sum} (${reasons.map(([reason, count]) => `${reason} ${count}`).join(', ')})`;
}

function inboundTable(lines: readonly Inbound[]): string {
  const rows = lines.map((line) => [
    line.name ?? `${line.from.slice(0, 12)}…`,
    line.lane,
    line.stored,
    line.duplicates,
    line.refused,
    line.lost,
  ]);
  return table(['FROM', 'LANE', 'STORED', 'CAME AGAIN', 'REFUSED', 'LOST BEFORE'], rows);
}

/** No agent runs: the ring is opened as an agent would, under the same lock, and closed again. */
async function fromDisk(places: Places): Promise<Audit> {
  const { accountOffline } = await import('../offline.ts');
  return accountOffline(places);
}
