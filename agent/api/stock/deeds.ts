import { formatAddress, formatSubnet, parseAddress } from '#crypto';
import { AgentError, milliseconds, type PublicKey, seconds } from '#kernel';
import type { MessageId } from '#overlay';
import type { Letter } from '../desk.ts';
import type { Left } from '../gone.ts';
import type { ApiOptions } from '../types.ts';
import { messageShape, parsePeer, peerShape, QueryError, routeShape, statusShape } from './shapes.ts';

/** What both faces of the stock API, HTTP and JSON-RPC, do and answer. */

/** A reader or sender may wait this long at most: a year, as stock's own command line does when told no time-out. */
const longestWaitSeconds = 31_622_400;

export function nodeInfo({ node, clock, startedAt }: ApiOptions) {
  return {
    nodeSubnet: formatSubnet(node.subnet),
    nodeIp: formatAddress(node.address),
    nodePubkey: node.publicKey,
    nodeStartTime: Math.floor((clock.wall() - (clock.now() - startedAt)) / 1000),
  };
}

/** Undefined: nothing has shown it. Null: `ip` is no IP address. */
export function keyOfIp({ node, overlay }: ApiOptions, ip: string): PublicKey | undefined | null {
  const address = parseAddress(ip);
  if (address === null) return /^[0-9a-f:]*[:.][0-9a-f:.]*$/i.test(ip) ? undefined : null;
  return address === node.address ? node.publicKey : overlay.keyOf(address);
}

export const peers = ({ overlay, clock, startedAt }: ApiOptions) =>
  overlay.peers().map((peer) => peerShape(peer, clock.now() - startedAt));

export const routes = ({ overlay }: ApiOptions, wanted: 'selected' | 'fallback') =>
  overlay
    .routes()
    .filter(({ selected }) => selected === (wanted === 'selected'))
    .map(routeShape);

export const queriedSubnets = ({ overlay }: ApiOptions) =>
  overlay.queriedSubnets().map(({ subnet, expiresInMs }) => ({
    subnet: formatSubnet(subnet),
    expiration: String(Math.max(0, Math.floor(expiresInMs / 1000))),
  }));

/** False: there is one by that name. Throws `QueryError` when `endpoint` is none. */
export function addPeer({ overlay }: ApiOptions, endpoint: unknown): boolean {
  const peer = parsePeer(endpoint);
  const added = overlay.addPeer(peer);
  if (added === 'no-network') throw new QueryError('endpoint: tls:// needs a private network, wanted tcp://');
  if (added === 'full') throw new QueryError('endpoint: as many peers as this node keeps, remove one');
  return added === 'added';
}

/** False: there is none by that name. */
export const removePeer = ({ overlay }: ApiOptions, endpoint: unknown): boolean =>
  overlay.removePeer(parsePeer(endpoint));

/** Throws `api/closed` unless `[api] stock = "full"`. */
export function refuseUnlessFull({ stock }: ApiOptions, what: string): void {
  if (stock === 'full') return;
  throw new AgentError('api/closed', 'reconfigure', `${what}: closed; set stock = "full" under [api] to open it`);
}

/** Takes (or looks at) a message; null when none came in time. */
export async function popMessage(
  { desk, node }: ApiOptions,
  wanted: { readonly peek: boolean; readonly timeoutSeconds: number; readonly topic: Uint8Array | null },
  left: Left,
) {
  if (wanted.topic !== null) desk.refuseReserved(wanted.topic);
  const message = await desk.inbox.wait(wanted, patience(wanted.timeoutSeconds), left);
  if (message === null) return null;
  if (wanted.peek) desk.looks.enter(message.payload.length, left);
  else desk.taken(message);
  return messageShape(message, node);
}

/** `api/outbox-full` when it cannot be taken. */
export async function pushMessage(
  { desk, node }: ApiOptions,
  letter: Letter,
  replySeconds: number | null,
  left: Left,
): Promise<{ readonly isReply: boolean; readonly body: { readonly id: MessageId } }> {
  if (replySeconds === null) return { isReply: false, body: { id: desk.send(letter) ?? outboxFull() } };
  const { id, reply } = (await desk.ask(letter, patience(replySeconds), left)) ?? outboxFull();
  return reply === null ? { isReply: false, body: { id } } : { isReply: true, body: messageShape(reply, node) };
}

export function pushReply({ desk }: ApiOptions, id: MessageId, { to, payload }: Letter): void {
  desk.send({ to, topic: new Uint8Array(), payload }, id) ?? outboxFull();
}

/** Undefined: nobody knows that message. */
export function messageInfo({ overlay, clock }: ApiOptions, id: MessageId) {
  const status = overlay.messageStatus(id);
  return status === undefined ? undefined : statusShape(status, clock.wall());
}

const patience = (found: number) =>
  found > longestWaitSeconds ? seconds(longestWaitSeconds) : milliseconds(found * 1000);

function outboxFull(): never {
  throw new AgentError('api/outbox-full', 'retry', 'messages: the outbox is full, wanted room');
}
