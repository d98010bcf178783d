import { subnetOf } from '#crypto';
import { type Address, milliseconds, type PublicKey } from '#kernel';
import type { Overlay, TraceReport } from '#overlay';
import type { RingStatus } from '#ring';
import type { Finding } from './finding.ts';
import { historyFindings } from './histories.ts';
import { programFindings } from './program-findings.ts';
import type { ApiOptions } from './types.ts';

type Target = PublicKey | Address;

/** Contacts asked in one go; each costs a few packets. */
const contactsAtOnce = 8;
const contactsInAll = 32;
const silentAfterMs = 10_000;

/** What is wrong in a running agent: ring, links, and the contacts (or the one that is asked about), by cause. */
export async function diagnose(options: ApiOptions, only: Target | null): Promise<readonly Finding[]> {
  const targets = only === null ? options.contacts.all().map(({ publicKey }) => publicKey) : [only];
  const daemon = daemonFindings(options.overlay);
  const findings = [...ringFindings(options), ...daemon];
  if (daemon.some(({ state }) => state === 'wrong')) return findings;
  findings.push(...programFindings(options));
  findings.push(...peerFindings(options.overlay, targets.length > 0), ...strangerFindings(options));
  findings.push(...historyFindings(options));
  const asked = targets.slice(0, contactsInAll);
  for (let at = 0; at < asked.length; at += contactsAtOnce) {
    const some = asked.slice(at, at + contactsAtOnce);
    findings.push(...(await Promise.all(some.map((target) => contactFinding(options, target)))));
  }
  if (asked.length < targets.length) {
    const found = `${asked.length} of ${targets.length} were asked`;
    findings.push({
      subject: 'contacts',
      state: 'note',
      cause: 'many',
      found,
      remedy: 'ask by name: hypha doctor NAME',
    });
  }
  return findings;
}

const fine = (subject: string, found: string): Finding => ({
  subject,
  state: 'ok',
  cause: 'fine',
  found,
  remedy: null,
});

function ringFindings({ ring }: ApiOptions): Finding[] {
  const { state, why, usedBytes, sizeBytes, writes, lanes } = ring.status;
  const short = lanes.filter((lane) => lane.state === 'full').map(laneFull);
  if (state === 'ok' && writes.overBudget) return [...short, overBudget(writes)];
  if (state === 'ok' && short.length > 0) return short;
  if (state === 'ok') return [fine('ring', `takes messages, ${Math.round((100 * usedBytes) / sizeBytes)} % in use`)];
  const remedy =
    state === 'full' ? 'bring its readers back, or make it larger: ring.size' : 'make room on the disk, or replace it';
  return [
    {
      subject: 'ring',
      state: 'wrong',
      cause: state === 'full' ? 'ring-full' : 'disk',
      found: `${state}: ${why ?? 'no reason'}`,
      remedy,
    },
  ];
}

const laneFull = ({ lane, usedBytes, sizeBytes }: RingStatus['lanes'][number]): Finding => ({
  subject: `ring, ${lane} lane`,
  state: 'wrong',
  cause: 'lane-full',
  found: `over its budget: ${usedBytes} bytes of ${sizeBytes} wait, its publishers get no acknowledgement`,
  remedy: `bring its readers back, or make it larger: ring.${lane}.size`,
});

const overBudget = ({ budgetBytesPerDay, commitWindowMs }: RingStatus['writes']): Finding => ({
  subject: 'ring',
  state: 'note',
  cause: 'write-budget',
  found: `more is written than ${budgetBytesPerDay} bytes a day: commits gather ${Math.round(commitWindowMs)} ms`,
  remedy: 'let less be stored, a longer ring.commit, or a larger ring.write_budget',
});

/** Without it there is neither peer nor contact. */
function daemonFindings(overlay: Overlay): Finding[] {
  const daemon = overlay.daemon?.();
  if (daemon === undefined) return [];
  const { url, state, forMs, why } = daemon;
  const subject = `node ${url}`;
  const forSeconds = Math.round(forMs / 1000);
  if (state === 'ready') return [fine(subject, `a stock daemon, ready for ${forSeconds} s`)];
  const isOther = state === 'other-key';
  return [
    {
      subject,
      state: 'wrong',
      cause: isOther ? 'daemon-other-key' : 'daemon-unreachable',
      found: `${isOther ? 'another node' : 'daemon unreachable'} since ${forSeconds} s: ${why ?? 'no reason'}`,
      remedy: isOther ? null : 'start it; what is to be sent waits in the ring',
    },
  ];
}

function peerFindings(overlay: Overlay, areContacts: boolean): Finding[] {
  const peers = overlay.peers();
  const alive = peers.filter(({ state }) => state === 'alive').length;
  if (peers.length === 0) {
    const found = 'none is configured, found or connected';
    const remedy =
      overlay.daemon === undefined
        ? 'name one under [overlay] peers, or: hypha peers add tcp://HOST:9651'
        : 'give the daemon one: mycelium --peers tcp://HOST:9651';
    return [{ subject: 'peers', state: areContacts ? 'wrong' : 'note', cause: 'no-peer', found, remedy }];
  }
  const away = peers.filter(({ state, kind }) => state !== 'alive' && kind !== 'inbound');
  const lines = away.map(({ endpoint, why }): Finding => {
    const remedy = 'see that it runs, that the address is right and that no firewall is between';
    return {
      subject: `peer ${endpoint}`,
      state: alive > 0 ? 'note' : 'wrong',
      cause: 'peer-unreachable',
      found: why ?? 'not connected yet',
      remedy,
    };
  });
  return [...(alive > 0 ? [fine('peers', `${alive} of ${peers.length} connected`)] : []), ...lines];
}

/** Keys that a line has room for. */
const strangersNamed = 3;

/** Nobody has to be right who sends here, but it may be a node of one's own that has no name yet. */
function strangerFindings({ strangers }: ApiOptions): Finding[] {
  const recent = strangers.recent();
  if (recent.length === 0) return [];
  const count = recent.reduce((sum, stranger) => sum + stranger.count, 0);
  const named = recent.slice(0, strangersNamed).map(({ publicKey }) => publicKey);
  const keys = `${named.join(', ')}${recent.length > named.length ? ' and others' : ''}`;
  const found = `${count} messages dropped lately, from keys that are no contact: ${keys}`;
  const remedy = 'if a node of yours cannot send to this one: hypha contacts add NAME KEY, and an [[accept]] for it';
  return [{ subject: 'strangers', state: 'note', cause: 'unknown-sender', found, remedy }];
}

async function contactFinding(options: ApiOptions, target: Target): Promise<Finding> {
  const { overlay, contacts } = options;
  const isKey = target.length === 64;
  const subject = `contact ${(isKey ? contacts.withKey(target as PublicKey)?.name : undefined) ?? target}`;
  const wrong = (cause: string, found: string, remedy: string): Finding => ({
    subject,
    state: 'wrong',
    cause,
    found,
    remedy,
  });
  const isSelf = isKey ? target === overlay.publicKey : subnetOf(target as Address) === subnetOf(overlay.address);
  if (isSelf) return fine(subject, 'this node itself');
  if (!overlay.peers().some(({ state }) => state === 'alive')) {
    return wrong('no-peer', 'no link to any node stands', 'see to the peers above first');
  }
  const reports = await traced(overlay, target);
  const last = reports.at(-1);
  if (last?.kind !== 'end')
    return { subject, state: 'note', cause: 'not-asked', found: 'it cannot be asked from here', remedy: null };
  const heard = reports.findLast((report) => report.kind === 'hop' && report.router !== null);
  const asked = reports.filter(({ kind }) => kind === 'hop').length;
  if (last.why === 'reached') return takesMessages(options, target, subject, heard);
  if (last.why === 'no-route' && !isKey && overlay.keyOf(target as Address) === undefined) {
    return wrong(
      'key-unknown',
      'no route has shown the key of this address',
      'name the node by its public key: hypha contacts add NAME KEY',
    );
  }
  if (last.why === 'no-route') {
    return wrong(
      'no-route',
      'no node that can be reached knows the way',
      'see that it runs and has a link: hypha doctor there; and that its key is right',
    );
  }
  const [by] = reports.flatMap((report) => (report.kind === 'route' ? [report.nextHop] : []));
  const where = heard?.kind === 'hop' && heard.router !== null ? `beyond hop ${heard.hop}` : `to ${asked} packets`;
  return wrong(
    'far-side-silent',
    `there is a route by ${by}, but no answer ${where}`,
    'it, or the link to it, is frozen or gone: see to it there, or wait for another route',
  );
}

/** It answers as a node. Do its messages come through, as far as the bus can tell? */
function takesMessages(
  { bus, node, overlay }: ApiOptions,
  target: Target,
  subject: string,
  heard: TraceReport | undefined,
): Finding {
  const key = target.length === 64 ? target : overlay.keyOf(target as Address);
  const isStuck = bus
    .streams()
    .some(
      ({ to, pending, lastAckAgoMs }) =>
        to === key && pending > 0 && (lastAckAgoMs ?? Number.POSITIVE_INFINITY) > silentAfterMs,
    );
  const ms = heard?.kind === 'hop' ? Math.min(...heard.roundTripsMs).toFixed(1) : '0';
  const hops = heard?.kind === 'hop' ? heard.hop : 0;
  if (!isStuck) return fine(subject, `answers in ${ms} ms over ${hops} ${hops === 1 ? 'link' : 'links'}`);
  return {
    subject,
    state: 'wrong',
    cause: 'far-side-silent',
    found: `answers as a node in ${ms} ms, but acknowledges no messages`,
    remedy: `there: hypha contacts add ${node.name} ${overlay.publicKey}, and take its topics under [[accept]]; is its agent running?`,
  };
}

function traced({ sight }: Overlay, target: Target): Promise<readonly TraceReport[]> {
  const wanted = { hops: 16, probes: 2, timeout: milliseconds(1000), routeWithin: milliseconds(3000), silentHops: 1 };
  return new Promise((resolve) => {
    const reports: TraceReport[] = [];
    const stop = sight?.trace(target, wanted, (report) => {
      reports.push(report);
      if (report.kind === 'end') resolve(reports);
    });
    if (stop === undefined || stop === null) resolve(reports);
  });
}
