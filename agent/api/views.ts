import { addressOf, formatAddress, formatSubnet } from '#crypto';
import { type Endpoint, type PublicKey, since } from '#kernel';
import type { ReceivedMessage } from '#overlay';
import { accountOf } from './account.ts';
import { toBase64 } from './stock/shapes.ts';
import type { ApiOptions, NodeCard } from './types.ts';
import { whyPending } from './why-pending.ts';

/** What /hypha/v1 answers, part by part. */

const laneNames = ['urgent', 'normal', 'bulk'] as const;

export function idView(options: ApiOptions, api: readonly Endpoint[]) {
  const { mqtt, overlay } = options.listening();
  const { name, publicKey, address, subnet, version } = options.node;
  return {
    name,
    publicKey,
    address: formatAddress(address),
    subnet: formatSubnet(subnet),
    card: cardOf(options.node),
    version,
    listening: { mqtt: mqtt.map(endpointText), overlay: overlay.map(endpointText), api: api.map(endpointText) },
  };
}

/** What another node needs to know of this one, short enough for a QR code. */
export const cardOf = ({ name, publicKey }: Pick<NodeCard, 'name' | 'publicKey'>): string =>
  `hypha:${publicKey}?name=${encodeURIComponent(name)}`;

export const endpointText = ({ host, port }: Endpoint): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

export const contactsView = ({ contacts, overlay }: ApiOptions) =>
  contacts.all().map(({ name, publicKey, address }) => ({
    name,
    publicKey,
    address: formatAddress(address),
    reachable: overlay.reachable(publicKey),
  }));

export const peersView = ({ overlay }: ApiOptions) => overlay.peers();

export const routesView = ({ overlay, contacts }: ApiOptions) =>
  overlay.routes().map(({ subnet, publicKey, ...route }) => ({
    subnet: formatSubnet(subnet),
    publicKey,
    name: contacts.withKey(publicKey)?.name ?? null,
    ...route,
  }));

export function linksView({ links, bus, ring, overlay }: ApiOptions) {
  const streams = bus.streams();
  const lines = accountOf(ring).lines;
  return links().map(({ name, to, publicKey, lane, topics, cursor }) => {
    const stream = streams.find((candidate) => candidate.to === publicKey && candidate.lane === lane);
    const account = lines.find((line) => line.cursor === cursor);
    return {
      name,
      to,
      lane: laneNames[lane],
      topics,
      state: stream?.state ?? 'idle',
      why: whyPending(to, overlay.reachable(publicKey), stream),
      pending: account?.pending ?? 0,
      inFlight: stream?.inFlight ?? 0,
      delivered: account?.delivered ?? 0,
      refused: account?.dropped.refused ?? 0,
      resent: stream?.resent ?? 0,
      roundTripMs: stream?.roundTripMs ?? null,
      lastAckAgoMs: stream?.lastAckAgoMs ?? null,
      alarms: alarmsOf(bus, publicKey),
    };
  });
}

/** What was found wrong with the histories of a contact's ring and of this one, in one word each. */
const alarmsOf = (bus: ApiOptions['bus'], contact: PublicKey): readonly string[] => [
  ...new Set(
    bus
      .alarms()
      .filter((alarm) => alarm.contact === contact)
      .map(({ what, expected }) => (what === 'cloned' ? 'cloned' : `${what}-went-back${expected ? '-expected' : ''}`)),
  ),
];

export function ringView({ ring }: ApiOptions) {
  return { id: ring.id, ...ring.status, account: accountOf(ring) };
}

export function auditView({ ring, bus, contacts }: ApiOptions) {
  const inbound = bus.inbound().map(({ from, lane, ...counts }) => ({
    from,
    name: contacts.withKey(from)?.name ?? null,
    lane: laneNames[lane],
    ...counts,
  }));
  return { ring: ring.id, ...accountOf(ring), inbound };
}

export function statusView(options: ApiOptions, api: readonly Endpoint[]) {
  const { ring, broker, overlay, desk, clock, startedAt } = options;
  return {
    ...idView(options, api),
    uptimeSeconds: Math.floor(since(startedAt, clock.now()) / 1000),
    ring: ring.status,
    broker: broker.status,
    overlay: overlay.counters,
    daemon: overlay.daemon?.() ?? null,
    messages: { ...desk.counters, waiting: desk.inbox.count, waitingBytes: desk.inbox.bytes },
  };
}

export function messageView(message: ReceivedMessage, { contacts }: ApiOptions) {
  return {
    id: message.id,
    from: contacts.withKey(message.from)?.name ?? message.from,
    publicKey: message.from,
    address: formatAddress(addressOf(message.from)),
    topic: Buffer.from(message.topic).toString(),
    payload: toBase64(message.payload),
  };
}
