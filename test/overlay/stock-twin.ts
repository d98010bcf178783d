import { formatAddress, formatSubnet, type Identity } from '#crypto';
import type { ByteLink, LinkEvents } from '#kernel';
import type { Chance, SimulatedHost, SimulatedNetwork } from '#sim';

export const twinPort = 8989;
/** Stock acts on what is under way so often, gives up after so long, and forgets after as long again. */
const actMs = 100;
const patienceMs = 300_000;
const keptMs = 2 * patienceMs;

export interface TwinMessage {
  readonly id: string;
  readonly from: Identity;
  readonly to: string;
  readonly topic: string;
  readonly payload: string;
}

interface Outgoing {
  readonly message: TwinMessage;
  readonly since: number;
  state: 'pending' | 'received' | 'read' | 'aborted';
}

export interface Asked {
  readonly method: string;
  /** The parts of the path behind `/api/v1/`. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  readonly body: unknown;
}

interface Told {
  readonly status: number;
  readonly body?: unknown;
}

/** All twins of a world, by key and by address. */
export type Twins = Map<string, StockTwin>;

/** What a life of the daemon holds: memory, gone with it. */
class Memory {
  readonly startTime: number;
  readonly inbox: TwinMessage[] = [];
  readonly outbox = new Map<string, Outgoing>();
  readonly topics = new Map<string, Set<string>>();
  acceptsOthers = true;

  constructor(nowMs: number) {
    this.startTime = Math.floor(nowMs / 1000);
  }
}

/** A stock daemon in the simulation: the part of its API that the agent uses, and its way with messages (WIRE.md §5, §6). */
export class StockTwin {
  readonly name: string;
  readonly identity: Identity;
  host: SimulatedHost | null = null;
  /** Every message that any life has taken from its agent, and in which life. */
  readonly taken: { readonly payload: string; readonly at: number; readonly life: number }[] = [];
  /** Payloads that came here, over all lives. */
  readonly arrived = new Set<string>();
  /** Told of each message before its answer goes out. */
  popped: (message: TwinMessage) => void = () => undefined;
  /** How long an answer takes; by default a little, so that answers on different links overtake each other. */
  thinkMs: (asked: Asked) => number;
  lives = 0;
  memory = new Memory(0);
  readonly #network: SimulatedNetwork;
  readonly #twins: Twins;
  readonly #chance: Chance;

  constructor(network: SimulatedNetwork, twins: Twins, name: string, identity: Identity, chance: Chance) {
    this.#network = network;
    this.#twins = twins;
    this.#chance = chance;
    this.name = name;
    this.identity = identity;
    this.thinkMs = () => chance.between(0, 12);
    twins.set(identity.publicKey, this);
    twins.set(formatAddress(identity.address), this);
  }

  get isAlive(): boolean {
    return this.host?.alive === true;
  }

  boot(): void {
    if (this.isAlive) return;
    const host = this.#network.boot(this.name);
    this.host = host;
    this.lives++;
    this.memory = new Memory(this.#network.world.now);
    void host.net.listen({ host: '::', port: twinPort }, (link) => this.#serve(host, link));
    const act = (): void => {
      this.#act();
      host.clock.at((host.clock.now() + actMs) as never, act);
    };
    act();
  }

  die(): void {
    this.host?.crash('killed');
  }

  /** A message from another node; false: its topic is closed to it, or nobody is there. */
  arrive(message: TwinMessage): boolean {
    if (!this.isAlive || this.host?.frozen === true || !this.#allows(message)) return false;
    this.arrived.add(message.payload);
    this.memory.inbox.push(message);
    return true;
  }

  wasRead(id: string): void {
    const outgoing = this.memory.outbox.get(id);
    if (outgoing !== undefined) outgoing.state = 'read';
  }

  #allows({ topic, from }: TwinMessage): boolean {
    const sources = this.memory.topics.get(topic);
    return sources === undefined ? this.memory.acceptsOthers : sources.has(formatSubnet(from.subnet));
  }

  #act(): void {
    const now = this.#network.world.now;
    for (const [id, outgoing] of this.memory.outbox) {
      if (now >= outgoing.since + keptMs) this.memory.outbox.delete(id);
      else if (outgoing.state === 'pending' && now >= outgoing.since + patienceMs) outgoing.state = 'aborted';
      else if (outgoing.state === 'pending' && this.#twins.get(outgoing.message.to)?.arrive(outgoing.message) === true)
        outgoing.state = 'received';
    }
  }

  #serve(host: SimulatedHost, link: ByteLink): LinkEvents {
    let text = '';
    const received = (bytes: Uint8Array): void => {
      text += Buffer.from(bytes).toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0);
      if (text.length < end + 4 + length) return;
      const [method = '', path = ''] = text.split(' ', 2);
      const body = length === 0 ? undefined : JSON.parse(text.slice(end + 4, end + 4 + length));
      text = '';
      const url = new URL(path, 'http://twin');
      const parts = url.pathname.split('/').slice(3).map(decodeURIComponent);
      const asked = { method, parts, query: url.searchParams, body };
      const wait = this.thinkMs(asked);
      host.clock.at((host.clock.now() + wait) as never, () => link.write(bytesOf(this.#answer(asked))));
    };
    return { opened: () => undefined, drained: () => undefined, received, closed: () => undefined };
  }

  #answer({ method, parts, query, body }: Asked): Told {
    const [kind, first = '', second = ''] = parts;
    if (kind === 'admin') return this.#admin(parts.slice(1).join('/'));
    if (kind === 'pubkey') return this.#keyOf(first);
    if (first === 'topics') return this.#topic(method, parts, body);
    if (first === 'status') return this.#status(second);
    return method === 'POST' ? this.#push(body) : this.#message(query);
  }

  #admin(what: string): Told {
    const { identity, memory } = this;
    if (what === '') {
      const nodeIp = formatAddress(identity.address);
      return ok({ nodePubkey: identity.publicKey, nodeIp, nodeStartTime: memory.startTime });
    }
    if (what !== 'routes/selected') return ok([]);
    const others = new Set([...this.#twins.values()].filter((twin) => twin !== this && twin.isAlive));
    return ok([...others].map((twin) => routeTo(twin)));
  }

  #keyOf(address: string): Told {
    const prefix = address.split('::')[0] ?? '';
    const twin = [...this.#twins.values()].find(({ identity }) => formatSubnet(identity.subnet).startsWith(prefix));
    return twin === undefined ? { status: 404 } : ok({ publicKey: twin.identity.publicKey });
  }

  #topic(method: string, [, , topic, what, source = '']: readonly string[], body: unknown): Told {
    const { memory } = this;
    if (topic === 'default') {
      if (method === 'GET') return ok({ accept: memory.acceptsOthers });
      memory.acceptsOthers = (body as { accept: boolean }).accept;
      return { status: 204 };
    }
    if (topic === undefined) {
      if (method === 'GET') return ok([...memory.topics.keys()]);
      memory.topics.set(Buffer.from(body as number[]).toString('base64'), new Set());
      return { status: 201 };
    }
    const sources = memory.topics.get(topic);
    if (sources === undefined) return { status: 404 };
    if (what === 'forward') return ok(null);
    if (method === 'GET') return ok([...sources]);
    if (method === 'POST') sources.add((body as { subnet: string }).subnet);
    else sources.delete(source);
    return { status: method === 'POST' ? 201 : 204 };
  }

  #push(body: unknown): Told {
    const { dst, topic = '', payload } = body as { dst: { pk?: string; ip?: string }; topic?: string; payload: string };
    const id = Buffer.from(this.#chance.bytes(8)).toString('hex');
    const message = { id, from: this.identity, to: dst.pk ?? dst.ip ?? '', topic, payload };
    const since = this.#network.world.now;
    this.memory.outbox.set(id, { message, since, state: 'pending' });
    this.taken.push({ payload, at: since, life: this.lives });
    return { status: 201, body: { id } };
  }

  #status(id: string): Told {
    const outgoing = this.memory.outbox.get(id);
    return outgoing === undefined ? { status: 404 } : ok({ state: outgoing.state });
  }

  #message(query: URLSearchParams): Told {
    const topic = query.get('topic');
    const { inbox } = this.memory;
    const index = inbox.findIndex((message) => topic === null || message.topic === topic);
    const message = inbox[index];
    if (message === undefined) return { status: 204 };
    this.#twins.get(message.from.publicKey)?.wasRead(message.id);
    if (query.get('peek') !== 'true') {
      inbox.splice(index, 1);
      this.popped(message);
    }
    const { id, from, payload } = message;
    const [srcIp, dstIp] = [formatAddress(from.address), formatAddress(this.identity.address)];
    return ok({ id, srcIp, srcPk: from.publicKey, dstIp, topic: message.topic, payload });
  }
}

const ok = (body: unknown): Told => ({ status: 200, body });

const routeTo = ({ identity, name }: StockTwin) => ({
  subnet: formatSubnet(identity.subnet),
  nextHop: `tcp://${name}:9651`,
  metric: 10,
  seqno: 1,
});

function bytesOf({ status, body }: Told): Uint8Array {
  const text = body === undefined ? '' : JSON.stringify(body);
  return Buffer.from(`HTTP/1.1 ${status} Told\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}
