import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { AgentProcess } from '../../test/load/agent-process.ts';
import { type Account, audit } from '../../test/load/audit.ts';
import { farTopic, makePair } from '../../test/load/pair.ts';
import type { Publisher } from '../../test/load/publisher.ts';
import type { Subscriber } from '../../test/load/subscriber.ts';
import { freshPublisher, freshSubscriber } from './clients.ts';

export type Condition = 'starting' | 'alive' | 'frozen' | 'dead';

export const readingsPerSecond = 100;

/** Two gateways, a sensor and a subscriber, all on this machine, in a directory that goes with them. */
export class Scene {
  readonly gateway: AgentProcess;
  readonly hub: AgentProcess;
  readonly sensor: Publisher;
  readonly subscriber: Subscriber;
  readonly conditions: { gateway: Condition; hub: Condition } = { gateway: 'starting', hub: 'starting' };
  readonly #directory: string;
  #measuring: NodeJS.Timeout | null = null;

  private constructor(directory: string, pair: { gateway: AgentProcess; hub: AgentProcess }) {
    this.#directory = directory;
    this.gateway = pair.gateway;
    this.hub = pair.hub;
    this.sensor = freshPublisher(pair.gateway.mqttPort);
    this.subscriber = freshSubscriber(pair.hub.mqttPort);
  }

  static async create(): Promise<Scene> {
    const directory = mkdtempSync(`${tmpdir()}/hypha-demo-`);
    return new Scene(directory, await makePair({ directory, ring: 'size = "64MB", commit = "5ms"' }));
  }

  /** Resolves when both gateways serve and the subscriber's session stands. */
  async start(): Promise<void> {
    await Promise.all([this.restart('gateway'), this.restart('hub')]);
    this.subscriber.start();
    await this.subscriber.subscribed();
    this.sensor.start();
    this.#measure();
  }

  async restart(which: 'gateway' | 'hub'): Promise<void> {
    this.conditions[which] = 'starting';
    await this[which].start();
    this.conditions[which] = 'alive';
  }

  async kill(which: 'gateway' | 'hub'): Promise<void> {
    await this[which].kill();
    this.conditions[which] = 'dead';
  }

  freeze(): void {
    this.hub.signal('SIGSTOP');
    this.conditions.hub = 'frozen';
  }

  thaw(): void {
    this.hub.signal('SIGCONT');
    this.conditions.hub = 'alive';
  }

  /** Stored by the near gateway and not yet given to the subscriber. */
  get backlog(): number {
    return Math.max(0, this.sensor.log.acknowledged - this.subscriber.log.count);
  }

  /** Measured and not yet given to the subscriber, wherever it is. */
  get waiting(): number {
    return this.sensor.due - this.subscriber.log.count;
  }

  /** The sensor measures no more; what it has goes on its way. */
  endMeasuring(): void {
    if (this.#measuring !== null) clearInterval(this.#measuring);
  }

  get account(): Account {
    return audit([this.sensor.log], this.subscriber.log, farTopic);
  }

  /** Whether both rings' own audits add up: accepted = delivered + expired + dropped + pending. */
  async auditsAddUp(): Promise<boolean> {
    const audits = await Promise.all([this.gateway.ask('ring/audit'), this.hub.ask('ring/audit')]);
    return audits.every((found) => (found as { addsUp: boolean }).addsUp);
  }

  /** Everything measured has been acknowledged and has arrived. */
  get settled(): boolean {
    return this.sensor.finished && this.subscriber.log.count >= this.sensor.log.sent;
  }

  async close(): Promise<void> {
    this.endMeasuring();
    this.#killAll();
    await Promise.all([this.sensor.stop(), this.subscriber.stop(), this.gateway.exited, this.hub.exited]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** For an end without time to wait. */
  abandon(): void {
    this.#killAll();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #killAll(): void {
    this.gateway.signal('SIGKILL');
    this.hub.signal('SIGKILL');
  }

  #measure(): void {
    const startedAt = performance.now();
    let measured = 0;
    this.#measuring = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) * readingsPerSecond) / 1000) - measured;
      measured += due;
      if (due > 0) this.sensor.publish(due);
    }, 10);
  }
}
