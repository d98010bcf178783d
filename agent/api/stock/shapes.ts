import { formatAddress, formatSubnet } from '#crypto';
import type { Address, PeerEndpoint, PublicKey } from '#kernel';
import { messageOf, parsePublicKey } from '#kernel';
import type { MessageId, MessageStatus, PeerStatus, ReceivedMessage, RouteStatus } from '#overlay';
import type { Contacts } from '../contacts.ts';
import type { Letter } from '../desk.ts';
import { type IpRange, parseRange } from '../subnets.ts';

/** The stock daemon's JSON (WIRE.md §6; shapes, codes and refusals as observed on 0.7.10). */

/** Input that does not have the wanted shape: 422 and a plain line, as stock. */
export class ShapeError extends Error {
  readonly statusCode: number = 422;
}

/** A query or path that does not parse: 400. */
export class QueryError extends ShapeError {
  override readonly statusCode = 400;
}

/** A body that is no JSON by its own account: 415. */
export class UnsupportedError extends ShapeError {
  override readonly statusCode = 415;
}

/** `{dst: {ip}|{pk}, topic?, payload}` with base64 bytes. */
export function parseLetter(body: unknown, contacts: Contacts): Letter {
  const table = asTable(body, 'body');
  const to = parseDestination(table['dst'], contacts);
  const topic = table['topic'];
  return {
    to,
    topic: topic === undefined || topic === null ? new Uint8Array() : parseBase64(topic, 'topic'),
    payload: parseBase64(required(table, 'payload'), 'payload'),
  };
}

function parseDestination(found: unknown, contacts: Contacts): PublicKey | Address {
  if (found === undefined) throw new ShapeError('dst: missing');
  const table = asTable(found, 'dst');
  if (typeof table['pk'] === 'string') {
    const key = parsePublicKey(table['pk']);
    if (key === null) throw new ShapeError('dst.pk: wanted a public key of 64 hex digits');
    return key;
  }
  if (typeof table['ip'] === 'string') {
    const to = contacts.destination(table['ip']);
    if (to === null || !table['ip'].includes(':')) throw new ShapeError('dst.ip: wanted an address in 400::/7');
    return to;
  }
  throw new ShapeError('dst: wanted {"ip": …} or {"pk": …}');
}

export function messageShape(message: ReceivedMessage, own: { publicKey: PublicKey }) {
  return {
    id: message.id,
    srcIp: formatAddress(message.fromAddress),
    srcPk: message.from,
    dstIp: formatAddress(message.toAddress),
    dstPk: own.publicKey,
    ...(message.topic.length === 0 ? {} : { topic: toBase64(message.topic) }),
    payload: toBase64(message.payload),
  };
}

export function statusShape(status: MessageStatus, wallMs: number) {
  const { pending, sent, acked } = status.chunks;
  return {
    dst: formatAddress(status.to),
    state: status.state === 'sending' ? { sending: { pending, sent, acked } } : status.state,
    created: Math.floor((wallMs - status.createdAgoMs) / 1000),
    deadline: Math.floor((wallMs + status.deadlineInMs) / 1000),
    msgLen: status.lengthBytes,
  };
}

const peerKinds = { static: 'static', inbound: 'inbound', 'link-local': 'linkLocalDiscovery' } as const;

export function peerShape(peer: PeerStatus, uptimeMs: number) {
  const [proto = 'tcp', socket = ''] = peer.endpoint.split('://');
  const connected = peer.connectedForMs === null ? null : Math.floor(peer.connectedForMs / 1000);
  return {
    endpoint: { proto, addr: { socket } },
    type: peerKinds[peer.kind],
    connectionState: peer.state,
    txBytes: peer.txBytes,
    rxBytes: peer.rxBytes,
    discovered: peer.kind === 'static' ? Math.floor(uptimeMs / 1000) : (connected ?? 0),
    lastConnected: connected,
  };
}

export function routeShape(route: RouteStatus) {
  return {
    subnet: formatSubnet(route.subnet),
    nextHop: route.nextHop,
    metric: route.metric,
    seqno: route.seqno,
  };
}

/** `tcp://ADDRESS:PORT` or `tls://…`: stock takes literal addresses here, no names. */
export function parsePeer(found: unknown): PeerEndpoint {
  if (typeof found !== 'string') throw new ShapeError('endpoint: wanted text such as "tcp://192.0.2.1:9651"');
  const [, scheme, rest] = /^([a-z]+):\/\/(.*)$/i.exec(found) ?? [];
  if (scheme === undefined || rest === undefined) throw new QueryError('endpoint: no protocol in front, wanted tcp://');
  const known = (['tcp', 'tls'] as const).find((one) => one === scheme.toLowerCase());
  if (known === undefined) throw new QueryError('endpoint: protocol not supported, wanted tcp://');
  const [, six, four, digits] = /^(?:\[([0-9a-f:.]+)\]|(\d+\.\d+\.\d+\.\d+)):(\d{1,5})$/i.exec(rest) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) throw new QueryError('endpoint: wanted ADDRESS:PORT');
  return { scheme: known, host: six ?? four ?? '', port };
}

export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Standard base64 with padding, nothing else (Node's own decoder skips what it does not know). */
export function parseBase64(found: unknown, name: string): Uint8Array {
  if (typeof found !== 'string') throw new ShapeError(`${name}: wanted base64 text`);
  const bytes = Buffer.from(found, 'base64');
  if (bytes.toString('base64') !== found) throw new ShapeError(`${name}: wanted standard base64`);
  return bytes;
}

export function asTable(found: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw new ShapeError(`${name}: wanted an object`);
  return found as Record<string, unknown>;
}

function required(table: Readonly<Record<string, unknown>>, name: string): unknown {
  if (table[name] === undefined) throw new ShapeError(`${name}: missing`);
  return table[name];
}

/** Whole seconds from a query; undefined when absent. */
export function parseSeconds(found: string | undefined, name: string): number | undefined {
  if (found === undefined) return undefined;
  if (!/^\d{1,9}$/.test(found)) throw new QueryError(`${name}: wanted whole seconds`);
  return Number(found);
}

export function parseFlag(found: string | undefined, name: string): boolean {
  if (found === undefined || found === 'false') return false;
  if (found === 'true') return true;
  throw new QueryError(`${name}: wanted true or false`);
}

/** A topic in a path or query. */
export function parseTopicText(found: string): Uint8Array {
  try {
    return parseBase64(found, 'topic');
  } catch (error) {
    throw new QueryError(messageOf(error));
  }
}

/** Bytes as stock's `POST /messages/topics` has them: a list of numbers. */
export function parseBytes(found: unknown, name: string): Uint8Array {
  const isByte = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 256;
  if (!Array.isArray(found) || !found.every(isByte)) throw new ShapeError(`${name}: wanted a list of bytes`);
  return Uint8Array.from(found as number[]);
}

export function parseSource(found: string): IpRange {
  const range = parseRange(found);
  if (range === null) throw new QueryError('subnet: wanted one such as "400::/7"');
  return range;
}

export function parseId(text: string): MessageId {
  if (!/^[0-9a-f]{16}$/i.test(text)) throw new QueryError('id: wanted 16 hex digits');
  return text.toLowerCase() as MessageId;
}
