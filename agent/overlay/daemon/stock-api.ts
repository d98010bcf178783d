import { formatAddress } from '#crypto';
import { type Address, AgentError, type PublicKey } from '#kernel';
import type { MessageId, PeerStatus, ReceivedMessage } from '../types.ts';
import type { Answer } from './http/answer-reader.ts';
import type { HttpClient } from './http/http-client.ts';
import type { Request } from './http/http-link.ts';
import * as shapes from './shapes.ts';

/** Answers that are small by nature, lists of peers and routes, and messages (the largest frame of the bus, as base64). */
const limits = { small: 64 * 1024, list: 4 * 1024 * 1024, message: 8 * 1024 * 1024 };

export type PlainMessage = Omit<ReceivedMessage, 'isReply'>;

/** The part of a stock daemon's HTTP API (WIRE.md §6) that the agent uses. Rejects as `HttpClient.ask`, or with `daemon/answer`. */
export class StockApi {
  readonly #client: HttpClient;

  constructor(client: HttpClient) {
    this.#client = client;
  }

  async info(): Promise<shapes.DaemonInfo> {
    return shapes.parseInfo(await this.#json('GET', '/admin', limits.small));
  }

  /** The first message of that topic, which stays; null: there is none. Its sender is told that it was read, as stock does. */
  peek(topic: Uint8Array): Promise<PlainMessage | null> {
    return this.#message(`/messages?peek=true&topic=${escaped(topic)}`, limits.message);
  }

  /** Takes the first message of that topic. */
  pop(topic: Uint8Array): Promise<PlainMessage | null> {
    return this.#message(`/messages?topic=${escaped(topic)}`, limits.message);
  }

  /** Takes one that is too long to be looked at, without looking. */
  async discard(topic: Uint8Array): Promise<void> {
    await this.#message(`/messages?topic=${escaped(topic)}`, 0);
  }

  async push(to: PublicKey | Address, topic: Uint8Array, payload: Uint8Array): Promise<MessageId> {
    const message = { dst: destination(to), ...(topic.length === 0 ? {} : { topic: base64(topic) }) };
    const found = await this.#json('POST', '/messages', limits.small, { ...message, payload: base64(payload) }, 201);
    return shapes.parseId((found as { readonly id?: unknown } | null)?.id);
  }

  async reply(id: MessageId, to: PublicKey | Address, payload: Uint8Array): Promise<void> {
    await this.#done('POST', `/messages/reply/${id}`, { dst: destination(to), payload: base64(payload) });
  }

  /** Null: the daemon knows no such message (any more). */
  async status(id: MessageId): Promise<shapes.DaemonMessageState | null> {
    const answer = await this.#ask('GET', `/messages/status/${id}`, limits.small);
    return answer.status === 404 ? null : shapes.parseState(jsonOf(answer, 200));
  }

  async peers(): Promise<PeerStatus[]> {
    return shapes.parsePeers(await this.#json('GET', '/admin/peers', limits.list));
  }

  async routes(which: 'selected' | 'fallback'): Promise<shapes.DaemonRoute[]> {
    return shapes.parseRoutes(await this.#json('GET', `/admin/routes/${which}`, limits.list));
  }

  async queried(): Promise<shapes.QueriedSubnet[]> {
    return shapes.parseQueried(await this.#json('GET', '/admin/routes/queried', limits.list));
  }

  /** Null: no route has shown it. */
  async keyOf(address: Address): Promise<PublicKey | null> {
    const answer = await this.#ask('GET', `/pubkey/${formatAddress(address)}`, limits.small);
    return answer.status === 404 ? null : shapes.parsePubkey(jsonOf(answer, 200));
  }

  async addPeer(endpoint: string): Promise<void> {
    const { status } = await this.#ask('POST', '/admin/peers', limits.small, { endpoint });
    if (status !== 204 && status !== 409) throw refused('POST /admin/peers', status);
  }

  async removePeer(endpoint: string): Promise<void> {
    const { status } = await this.#ask('DELETE', `/admin/peers/${encodeURIComponent(endpoint)}`, limits.small);
    if (status !== 204 && status !== 404) throw refused('DELETE /admin/peers', status);
  }

  async acceptsOthers(): Promise<boolean> {
    return shapes.parseAccept(await this.#json('GET', '/messages/topics/default', limits.small));
  }

  setAcceptsOthers(accept: boolean): Promise<void> {
    return this.#done('PUT', '/messages/topics/default', { accept });
  }

  async topics(): Promise<readonly string[]> {
    return shapes.parseTexts(await this.#json('GET', '/messages/topics', limits.list));
  }

  addTopic(topic: Uint8Array): Promise<void> {
    return this.#done('POST', '/messages/topics', [...topic], 201);
  }

  async sources(topic: Uint8Array): Promise<readonly string[]> {
    return shapes.parseTexts(await this.#json('GET', `${pathOf(topic)}/sources`, limits.list));
  }

  addSource(topic: Uint8Array, subnet: string): Promise<void> {
    return this.#done('POST', `${pathOf(topic)}/sources`, { subnet }, 201);
  }

  removeSource(topic: Uint8Array, subnet: string): Promise<void> {
    return this.#done('DELETE', `${pathOf(topic)}/sources/${encodeURIComponent(subnet)}`);
  }

  async socket(topic: Uint8Array): Promise<string | null> {
    return shapes.parseSocket(await this.#json('GET', `${pathOf(topic)}/forward`, limits.small));
  }

  removeSocket(topic: Uint8Array): Promise<void> {
    return this.#done('DELETE', `${pathOf(topic)}/forward`);
  }

  async #message(path: string, limitBytes: number): Promise<PlainMessage | null> {
    const answer = await this.#ask('GET', path, limitBytes);
    return answer.status === 204 ? null : shapes.parseMessage(jsonOf(answer, 200));
  }

  async #json(method: Request['method'], path: string, limitBytes: number, body?: unknown, wanted = 200) {
    return jsonOf(await this.#ask(method, path, limitBytes, body), wanted);
  }

  async #done(method: Request['method'], path: string, body?: unknown, wanted = 204): Promise<void> {
    const { status } = await this.#ask(method, path, limits.small, body);
    if (status !== wanted) throw refused(`${method} ${path.split('/').slice(0, 3).join('/')}`, status);
  }

  #ask(method: Request['method'], path: string, limitBytes: number, body?: unknown): Promise<Answer> {
    const text = body === undefined ? null : JSON.stringify(body);
    return this.#client.ask({ method, path: `/api/v1${path}`, body: text, limitBytes });
  }
}

/** The longest payload that stock takes through its API (2 MB of JSON), as base64 with its surroundings. */
export const payloadLimitBytes = 1_500_000;

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');

const escaped = (bytes: Uint8Array): string => encodeURIComponent(base64(bytes));

const pathOf = (topic: Uint8Array): string => `/messages/topics/${escaped(topic)}`;

const destination = (to: PublicKey | Address): { readonly pk: string } | { readonly ip: string } =>
  to.length === 64 ? { pk: to } : { ip: formatAddress(to as Address) };

function jsonOf({ status, body }: Answer, wanted: number): unknown {
  if (status !== wanted) throw refused('the request', status);
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString());
  } catch (error) {
    throw new AgentError('daemon/answer', 'retry', 'daemon: found an answer that is no JSON', error);
  }
}

const refused = (what: string, status: number): AgentError =>
  new AgentError('daemon/answer', 'retry', `daemon: ${what} answered with status ${status}, wanted success`);
