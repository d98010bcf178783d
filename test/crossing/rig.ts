import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { AgentOptions, AgentProcess } from '../load/agent-process.ts';
import { type Account, audit } from '../load/audit.ts';
import type { ConnectionOptions } from '../load/connection.ts';
import { farTopic, makePair, type Pair } from '../load/pair.ts';
import { within } from '../load/patience.ts';
import { freePort } from '../load/ports.ts';
import { Publisher } from '../load/publisher.ts';
import { LinkRelay } from '../load/relay.ts';
import { Subscriber } from '../load/subscriber.ts';
import type { Aim } from './aim.ts';

export interface RigOptions {
  readonly qos: 1 | 2;
  readonly publishers: number;
  /** `[ring]` of both agents. */
  readonly ring?: string;
  readonly gatewayRing?: string;
  readonly hub?: Partial<AgentOptions>;
  readonly gateway?: Partial<AgentOptions>;
  /** Where the subscriber finds the hub's broker, when not on its own port. */
  readonly farBroker?: Partial<ConnectionOptions>;
  /** The overlay link goes straight to the hub, not through the relay. */
  readonly direct?: boolean;
}

const patienceMs = 60_000;
/** Between readings that are published only until an event comes. */
const betweenMs = 20;

/** Publishers at a gateway, a relayed link, a hub, and a persistent subscriber there. */
export class Rig {
  readonly directory: string;
  readonly gateway: AgentProcess;
  readonly hub: AgentProcess;
  readonly relay: LinkRelay;
  readonly publishers: readonly Publisher[];
  readonly subscriber: Subscriber;
  readonly #options: RigOptions;

  private constructor(directory: string, pair: Pair, relay: LinkRelay, options: RigOptions) {
    this.directory = directory;
    this.gateway = pair.gateway;
    this.hub = pair.hub;
    this.relay = relay;
    this.#options = options;
    this.publishers = Array.from({ length: options.publishers }, (_, index) => publisher(index, pair, options));
    const { qos, farBroker } = options;
    const session = { version: 5, clean: false, keepAliveSeconds: 5, qos } as const;
    const port = pair.hub.mqttPort;
    this.subscriber = new Subscriber({ ...session, port, clientId: 'far', filter: 'gateway/plant/#', ...farBroker });
  }

  static async create(options: RigOptions): Promise<Rig> {
    const directory = mkdtempSync(`${tmpdir()}/hypha-crossing-`);
    const relay = new LinkRelay(await freePort());
    const entry = 'test/crossing/agent.ts';
    const pair = await makePair({
      directory,
      ring: options.ring ?? 'size = "64MB", commit = "5ms"',
      ...(options.gatewayRing === undefined ? {} : { gatewayRing: options.gatewayRing }),
      ...(options.direct === true ? {} : { via: `tcp://127.0.0.1:${relay.port}` }),
      gateway: { entry, ...options.gateway },
      hub: { entry, ...options.hub },
    });
    return new Rig(directory, pair, relay, options);
  }

  /** Resolves when all serve, the subscriber's session stands and the publishers are connected. */
  async start(): Promise<void> {
    if (this.#options.direct !== true) await this.relay.open(this.hub.overlayPort);
    await Promise.all([this.hub.start(), this.gateway.start()]);
    this.subscriber.start();
    await within(patienceMs, 'the subscription', this.subscriber.subscribed());
    for (const each of this.publishers) each.start();
    const connected = this.publishers.map((each) => each.progress.until(() => each.connection.connected));
    await within(patienceMs, 'every publisher connected', Promise.all(connected));
  }

  /**
   * Leaves a persistent session on each broker that never comes back: its cursor keeps every record from the first on in
   * the ring, for whoever reads the files afterwards.
   */
  async archive(): Promise<void> {
    await Promise.all([archivist(this.gateway, 'plant/#'), archivist(this.hub, 'gateway/plant/#')]);
  }

  /** `count` readings more, shared out evenly. */
  publish(count: number): void {
    for (const each of this.publishers) each.publish(Math.ceil(count / this.publishers.length));
  }

  /** Publishes under fire: the agent dies at the aim, `look` sees what it left, and it is started again. */
  async killAt(agent: AgentProcess, aim: Aim, count: number, look?: () => Promise<void>): Promise<void> {
    agent.send(aim);
    this.publish(count);
    const { exited } = agent;
    const revived = this.revive(agent, `${agent.name} dead at ${aim.at}, ${aim.skip} of them let pass`, look);
    await Promise.all([revived, this.#publishUntil(exited)]);
  }

  /**
   * A reading of each, again and again, until the agent is dead: how many events a number of readings makes depends on
   * how they gather, and on a quiet machine the n-th may not be among those of the first.
   */
  async #publishUntil(exited: Promise<unknown>): Promise<void> {
    let dead = false;
    const death = exited.then(() => {
      dead = true;
    });
    for (let most = patienceMs / betweenMs; !dead && most > 0; most--) {
      const answered = this.publishers.map((each) => each.progress.until(() => each.finished));
      await Promise.race([death, Promise.all(answered).then(() => pause(betweenMs))]);
      if (!dead) this.publish(this.publishers.length);
    }
  }

  /** Waits for the agent's death by its own hand, and starts it again. */
  async revive(agent: AgentProcess, what: string, look: () => Promise<void> = async () => undefined): Promise<void> {
    const exit = await within(patienceMs, () => `${what}; ${this.words()}`, agent.exited);
    if (exit.signal !== 'SIGKILL')
      throw new Error(`${what}: found ${JSON.stringify(exit)}: ${agent.log().slice(-2000)}`);
    await look();
    await agent.start();
  }

  /** All that the publishers have is acknowledged. */
  acknowledged(): Promise<void> {
    const all = this.publishers.map((each) => each.progress.until(() => each.finished));
    return within(
      patienceMs,
      () => `every acknowledgement; ${this.words()}`,
      Promise.all(all).then(() => undefined),
    );
  }

  /** All that was acknowledged has arrived. */
  async arrived(): Promise<void> {
    await this.acknowledged();
    const done = (): boolean => this.account.lost === 0;
    let looked = 0;
    const rarely = (): boolean => {
      const { count } = this.subscriber.log;
      const due = count >= this.sent && count !== looked;
      looked = count;
      return due && done();
    };
    if (done()) return;
    await within(patienceMs, () => `every reading; ${this.words()}`, this.subscriber.progress.until(rarely));
  }

  /** Neither the link nor the subscriber is owed anything any more. */
  async settled(): Promise<void> {
    const owed = async (agent: AgentProcess): Promise<number> => {
      const { lines } = (await agent.ask('ring/audit')) as { lines: { cursor: string; pending: number }[] };
      return lines.reduce((sum, { cursor, pending }) => sum + (cursor === 'session/archive' ? 0 : pending), 0);
    };
    const look = async (): Promise<void> => {
      while ((await owed(this.gateway)) + (await owed(this.hub)) > 0) await pause(100);
    };
    await within(patienceMs, () => `settled cursors; ${this.words()}`, look());
  }

  get sent(): number {
    return this.publishers.reduce((sum, each) => sum + each.log.sent, 0);
  }

  get account(): Account {
    const logs = this.publishers.map((each) => each.log);
    return audit(logs, this.subscriber.log, farTopic);
  }

  words(): string {
    const connected = this.publishers.filter((each) => each.connection.connected).length;
    return `${JSON.stringify(this.account)}; connected: ${connected} publishers, subscriber ${this.subscriber.connection.connected}`;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.publishers, this.subscriber].map((each) => each.stop()));
    const stopped = await Promise.all([this.gateway.stop(), this.hub.stop()]);
    await this.relay.close();
    if (stopped.includes(false)) throw new Error('an agent did not stop within ten seconds of SIGTERM');
  }

  /** For the end of a test, however it ended. `keep` leaves the directory for whoever looks for the reason. */
  async clear(keep: boolean): Promise<void> {
    this.gateway.signal('SIGKILL');
    this.hub.signal('SIGKILL');
    await Promise.all([...this.publishers, this.subscriber].map((each) => each.stop()));
    await Promise.all([this.gateway.exited, this.hub.exited, this.relay.close()]);
    if (!keep) rmSync(this.directory, { recursive: true, force: true });
  }
}

/** With QoS 1 every other publisher asks for a clean session and resends all the same; with QoS 2 all are persistent. */
function publisher(index: number, pair: Pair, { qos }: RigOptions): Publisher {
  const version = index % 4 < 2 ? 4 : 5;
  const clean = qos === 1 && index % 2 === 0;
  return new Publisher({
    port: pair.gateway.mqttPort,
    clientId: `sensor-${index}`,
    publisher: index,
    topic: `plant/${index}/value`,
    qos,
    version,
    clean,
    keepAliveSeconds: 5,
    payloadBytes: 100,
    window: 5,
  });
}

async function archivist(agent: AgentProcess, filter: string): Promise<void> {
  const session = { version: 4, clean: false, keepAliveSeconds: 60, qos: 2, clientId: 'archive' } as const;
  const client = new Subscriber({ ...session, port: agent.mqttPort, filter });
  client.start();
  await within(patienceMs, 'the archive session', client.subscribed());
  await client.stop();
}
