import { follow } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import { duration, print, printJson } from '../output.ts';
import { type CommonOptions, placesOf } from '../paths.ts';
import { parseWhole } from '../whole.ts';

interface TraceOptions extends CommonOptions {
  readonly hops: string;
  readonly timeout: string;
}

/** The answers' shapes are agent/api/seeing.ts. */
type Report =
  | {
      readonly kind: 'route';
      readonly publicKey: string;
      readonly name: string | null;
      readonly nextHop: string;
      readonly cost: number;
    }
  | Hop
  | { readonly kind: 'end'; readonly why: 'reached' | 'no-route' | 'lost' | 'silent' | 'far' };

interface Hop {
  readonly kind: 'hop';
  readonly hop: number;
  readonly name: string | null;
  readonly publicKey: string | null;
  readonly address: string | null;
  readonly reason: 'hop-limit' | 'no-route' | null;
  readonly roundTripsMs: readonly number[];
  readonly asked: number;
  readonly cost: number | null;
}

const reasons: Readonly<Record<Exclude<Extract<Report, { kind: 'end' }>['why'], 'reached'>, string>> = {
  'no-route': 'found no route within 5 s, wanted one',
  lost: 'found a router that has lost the way, wanted the node',
  silent: 'found nobody who answers from there on, wanted the node',
  far: 'found routers up to the last hop asked, wanted the node; ask farther with --hops',
};

/** Each router as it answers. Exit code 0 only when the node itself did. */
export async function trace(to: string, options: TraceOptions): Promise<void> {
  const hops = parseWhole('--hops', options.hops, 1, 62);
  const timeoutMs = 1000 * parseWhole('--timeout', options.timeout, 1, 10);
  const path = `/hypha/v1/trace?to=${encodeURIComponent(to)}&hops=${hops}&timeoutMs=${timeoutMs}`;
  const reports: Report[] = [];
  const progress = options.json !== true && process.stdout.isTTY;
  for await (const found of follow(placesOf(options).data, path)) {
    const report = found as Report;
    reports.push(report);
    if (!options.json) show(report, progress);
  }
  const end = reports.at(-1);
  if (options.json) printJson(reports);
  if (end?.kind !== 'end') throw new CommandError(exitCodes.unavailable, 'agent: ended before the trace did');
  if (end.why !== 'reached') throw new CommandError(exitCodes.failed, `trace ${to}: ${reasons[end.why]}`);
}

function show(report: Report, progress: boolean): void {
  const clear = progress ? '\r\u001b[K' : '';
  if (report.kind === 'route') {
    const node = report.name ?? `${report.publicKey.slice(0, 12)}…`;
    print(`${node} by ${report.nextHop}, cost ${report.cost}\n${line('HOP', 'NODE', 'ADDRESS', 'ROUND TRIP', 'COST')}`);
    if (progress) process.stdout.write('  1  …');
  } else if (report.kind === 'hop') {
    print(clear + hopLine(report));
    if (progress) process.stdout.write(`${String(report.hop + 1).padStart(3)}  …`);
  } else process.stdout.write(clear);
}

function hopLine({ hop, name, publicKey, address, roundTripsMs, asked, cost, reason }: Hop): string {
  if (publicKey === null) return line(String(hop), '*', '', `no answer of ${asked}`, '');
  const node = name ?? `${publicKey.slice(0, 12)}…`;
  const best = `${duration(Math.min(...roundTripsMs))}${reason === 'no-route' ? ' (no route)' : ''}`;
  return line(String(hop), node, address ?? '', best, cost === null ? '-' : String(cost));
}

const line = (hop: string, node: string, address: string, trip: string, cost: string): string =>
  `${hop.padStart(3)}  ${node.slice(0, 20).padEnd(20)}  ${address.padEnd(22)}  ${trip.padEnd(14)}  ${cost}`.trimEnd();
