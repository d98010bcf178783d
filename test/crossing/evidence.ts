import { farTopic } from '../load/pair.ts';
import { compareDeliveries, compareFar, compareNear, type Findings, readingOf } from '../load/ring-reader/compare.ts';
import { readRing } from '../load/ring-reader/image.ts';
import type { CursorLine } from '../load/ring-reader/ledger.ts';
import type { Rig } from './rig.ts';

/** What `hypha ring audit --json` says, as far as it is compared. */
export interface AuditAnswer {
  readonly lines: readonly (CursorLine & { readonly addsUp: boolean })[];
  readonly addsUp: boolean;
}

export interface Audits {
  readonly gateway: AuditAnswer;
  readonly hub: AuditAnswer;
}

/** Asks both agents through their command line. */
export async function askAudits(rig: Rig): Promise<Audits> {
  const [gateway, hub] = await Promise.all([rig.gateway.command('ring', 'audit'), rig.hub.command('ring', 'audit')]);
  return { gateway: gateway as AuditAnswer, hub: hub as AuditAnswer };
}

/**
 * With both agents stopped: reads the files of both rings, recomputes the audits from the log and from the checkpoint, and
 * holds them and every single record against the audits that the agents gave and the clients' logs.
 */
export function examine(rig: Rig, audits: Audits): Findings {
  const near = nearRing(rig);
  const far = farRing(rig);
  const readings = near.messages.filter(({ topic }) => topic.startsWith('plant/'));
  const arrived = far.messages.filter(({ topic }) => topic.startsWith('gateway/plant/'));
  return [
    ...(near.isComplete ? [] : ['near: records are missing']),
    ...(far.isComplete ? [] : ['far: records are missing']),
    ...compareAccounts('near, from the log', near.fromLog, audits.gateway),
    ...compareAccounts('near, from the checkpoint', near.fromCheckpoint, audits.gateway),
    ...compareAccounts('far, from the log', far.fromLog, audits.hub),
    ...compareAccounts('far, from the checkpoint', far.fromCheckpoint, audits.hub),
    ...compareNear(
      readings,
      rig.publishers.map((each) => each.log),
    ),
    ...compareFar(readings, arrived, rig.gateway.publicKey, farTopic),
    ...compareDeliveries(arrived, rig.subscriber.log),
  ];
}

const nearRing = (rig: Rig) => readRing(`${rig.gateway.dataDirectory}/ring`);
const farRing = (rig: Rig) => readRing(`${rig.hub.dataDirectory}/ring`);

/** Readings in the near ring that their publishers have no answer for. */
export function unanswered(rig: Rig): number {
  const logs = new Map(rig.publishers.map(({ log }) => [log.topic, log]));
  return nearRing(rig).messages.filter((message) => {
    const log = logs.get(message.topic);
    return log !== undefined && !log.isAnswered(readingOf(message).counter);
  }).length;
}

/** Records of the gateway's in the far ring. */
export function arrivedAtHub(rig: Rig): number {
  return farRing(rig).messages.filter(({ origin }) => origin?.key === rig.gateway.publicKey).length;
}

/** How many records the link's cursor has settled, by the near ring's log. */
export function settledAtGateway(rig: Rig): number {
  return nearRing(rig).fromLog?.find(({ cursor }) => cursor.startsWith('link/'))?.delivered ?? Number.NaN;
}

function compareAccounts(what: string, recomputed: readonly CursorLine[] | null, said: AuditAnswer): Findings {
  if (recomputed === null) return [`${what}: nothing to recompute from`];
  const findings = said.addsUp ? [] : [`${what}: the agent says that it does not add up`];
  const own = new Map(recomputed.map((line) => [line.cursor, line]));
  for (const { addsUp: _, ...line } of said.lines) {
    const found = own.get(line.cursor);
    if (found === undefined || words(found) !== words(line))
      findings.push(`${what}: ${found === undefined ? 'nothing' : words(found)}, the agent says ${words(line)}`);
  }
  if (own.size !== said.lines.length)
    findings.push(`${what}: ${own.size} cursors, the agent says ${said.lines.length}`);
  return findings;
}

function words({ cursor, accepted, delivered, expired, dropped, pending }: CursorLine): string {
  const { full, damaged, refused } = dropped;
  return JSON.stringify({ cursor, accepted, delivered, expired, full, damaged, refused, pending });
}
