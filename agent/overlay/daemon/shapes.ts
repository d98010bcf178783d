import { ipv6Hex, isNodeAddress, parseAddress } from '#crypto';
import { type Address, AgentError, type PublicKey, parsePublicKey, type Subnet } from '#kernel';
import type { MessageId, MessageState, PeerStatus, ReceivedMessage } from '../types.ts';

/** What a stock daemon answers (WIRE.md §6; recorded in test/vectors/stock-api.json), parsed once. */

export interface DaemonInfo {
  readonly publicKey: PublicKey;
  readonly address: Address;
  /** Seconds of the daemon's wall clock: only whether it is still the same counts. */
  readonly startTime: number;
}

export interface DaemonMessageState {
  readonly state: MessageState;
  readonly chunks: { readonly pending: number; readonly sent: number; readonly acked: number };
}

export interface DaemonRoute {
  readonly subnet: Subnet;
  readonly nextHop: string;
  readonly metric: number | 'infinite';
  readonly seqno: number;
}

type Table = Readonly<Record<string, unknown>>;

export function parseInfo(found: unknown): DaemonInfo {
  const table = tableOf(found, 'info');
  const publicKey = parsePublicKey(textOf(table['nodePubkey'], 'nodePubkey'));
  if (publicKey === null) throw strange('nodePubkey', 'a public key');
  return {
    publicKey,
    address: addressIn(table['nodeIp'], 'nodeIp'),
    startTime: wholeOf(table['nodeStartTime'], 'nodeStartTime'),
  };
}

export function parseMessage(found: unknown): Omit<ReceivedMessage, 'isReply'> {
  const table = tableOf(found, 'message');
  const from = parsePublicKey(textOf(table['srcPk'], 'srcPk'));
  if (from === null) throw strange('srcPk', 'a public key');
  const { topic } = table;
  return {
    id: parseId(table['id']),
    from,
    fromAddress: addressIn(table['srcIp'], 'srcIp'),
    toAddress: addressIn(table['dstIp'], 'dstIp'),
    topic: topic === undefined || topic === null ? new Uint8Array(0) : bytesIn(topic, 'topic'),
    payload: bytesIn(table['payload'], 'payload'),
  };
}

export function parseId(found: unknown): MessageId {
  const id = textOf(found, 'id').toLowerCase();
  if (!/^[0-9a-f]{16}$/.test(id)) throw strange('id', '16 hex digits');
  return id as MessageId;
}

const states: readonly MessageState[] = ['pending', 'received', 'read', 'aborted'];
const noChunks = { pending: 0, sent: 0, acked: 0 };

export function parseState(found: unknown): DaemonMessageState {
  const { state } = tableOf(found, 'status');
  const plain = states.find((known) => known === state);
  if (plain !== undefined) return { state: plain, chunks: noChunks };
  const sending = tableOf(tableOf(state, 'state')['sending'], 'sending');
  const [pending, sent, acked] = ['pending', 'sent', 'acked'].map((name) => wholeOf(sending[name], name));
  return { state: 'sending', chunks: { pending: pending ?? 0, sent: sent ?? 0, acked: acked ?? 0 } };
}

const kinds: Readonly<Record<string, PeerStatus['kind']>> = {
  static: 'static',
  inbound: 'inbound',
  linkLocalDiscovery: 'link-local',
};

/** What stock does not tell is null or 0. */
export function parsePeers(found: unknown): PeerStatus[] {
  return listOf(found, 'peers').map((one) => {
    const table = tableOf(one, 'peer');
    const endpoint = tableOf(table['endpoint'], 'endpoint');
    const socket = textOf(tableOf(endpoint['addr'], 'addr')['socket'], 'socket');
    const state = table['connectionState'];
    const connected = table['lastConnected'];
    return {
      endpoint: `${textOf(endpoint['proto'], 'proto')}://${socket}`,
      kind: kinds[textOf(table['type'], 'type')] ?? 'static',
      state: state === 'alive' || state === 'connecting' ? state : 'dead',
      linkCost: 0,
      roundTripMs: null,
      rxBytes: wholeOf(table['rxBytes'], 'rxBytes'),
      txBytes: wholeOf(table['txBytes'], 'txBytes'),
      connectedForMs: typeof connected === 'number' && state === 'alive' ? connected * 1000 : null,
      via: null,
      failures: 0,
      why: null,
    };
  });
}

/** Only routes to whole nodes: nobody announces others (WIRE.md §4). */
export function parseRoutes(found: unknown): DaemonRoute[] {
  return listOf(found, 'routes').flatMap((one) => {
    const table = tableOf(one, 'route');
    const subnet = parseSubnet(textOf(table['subnet'], 'subnet'));
    if (subnet === null) return [];
    const metric = table['metric'];
    return [
      {
        subnet,
        nextHop: textOf(table['nextHop'], 'nextHop'),
        metric: typeof metric === 'number' ? metric : ('infinite' as const),
        seqno: wholeOf(table['seqno'], 'seqno'),
      },
    ];
  });
}

export interface QueriedSubnet {
  readonly subnet: Subnet;
  readonly expiresInMs: number;
}

export function parseQueried(found: unknown): QueriedSubnet[] {
  return listOf(found, 'queried').flatMap((one) => {
    const table = tableOf(one, 'query');
    const subnet = parseSubnet(textOf(table['subnet'], 'subnet'));
    const seconds = Number(table['expiration']);
    return subnet === null ? [] : [{ subnet, expiresInMs: Number.isFinite(seconds) ? seconds * 1000 : 0 }];
  });
}

export const parseAccept = (found: unknown): boolean => {
  const { accept } = tableOf(found, 'default');
  if (typeof accept !== 'boolean') throw strange('accept', 'true or false');
  return accept;
};

export const parseTexts = (found: unknown): string[] => listOf(found, 'list').map((one) => textOf(one, 'entry'));

/** Null: none is set. */
export const parseSocket = (found: unknown): string | null => (found === null ? null : textOf(found, 'socket path'));

export const parsePubkey = (found: unknown): PublicKey => {
  const key = parsePublicKey(textOf(tableOf(found, 'key')['publicKey'], 'publicKey'));
  if (key === null) throw strange('publicKey', 'a public key');
  return key;
};

/** `4f8:84b0:d7be:7300::/64`; null for other lengths and other networks. */
export function parseSubnet(text: string): Subnet | null {
  const [address = '', length] = text.split('/');
  const hex = ipv6Hex(address);
  return length === '64' && hex !== null && isNodeAddress(hex) ? (hex.slice(0, 16) as unknown as Subnet) : null;
}

function addressIn(found: unknown, name: string): Address {
  const address = parseAddress(textOf(found, name));
  if (address === null) throw strange(name, 'an address in 400::/7');
  return address;
}

function bytesIn(found: unknown, name: string): Uint8Array {
  const text = textOf(found, name);
  const bytes = Buffer.from(text, 'base64');
  if (Math.ceil(bytes.length / 3) * 4 !== text.length) throw strange(name, 'base64');
  return bytes;
}

function tableOf(found: unknown, name: string): Table {
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw strange(name, 'an object');
  return found as Table;
}

function listOf(found: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(found)) throw strange(name, 'a list');
  return found;
}

function textOf(found: unknown, name: string): string {
  if (typeof found !== 'string') throw strange(name, 'text');
  return found;
}

function wholeOf(found: unknown, name: string): number {
  if (!Number.isSafeInteger(found) || Number(found) < 0) throw strange(name, 'a whole number');
  return Number(found);
}

const strange = (name: string, wanted: string): AgentError =>
  new AgentError('daemon/answer', 'retry', `daemon: ${name} is not ${wanted}, wanted a stock Mycelium daemon's API`);
