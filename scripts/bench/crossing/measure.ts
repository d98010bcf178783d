import { Publisher } from '../../../test/load/publisher.ts';
import { Subscriber } from '../../../test/load/subscriber.ts';
import type { Contender } from './contender.ts';

const payloadBytes = 200;
const publishers = 4;
const common = { version: 4, qos: 1, keepAliveSeconds: 60 } as const;

export interface Speed {
  readonly perSecond: number;
  readonly cpuUsPerReading: number;
}

export interface Paced extends Speed {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** From the link's return to the first and to the last reading of the backlog. */
export interface Drain {
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Publishers at the near broker and a persistent subscriber at the far one; every measurement continues the last. */
export class Load {
  readonly #contender: Contender;
  readonly #publishers: readonly Publisher[];
  readonly #subscriber: Subscriber;
  #expected = 0;

  constructor(contender: Contender) {
    this.#contender = contender;
    const { nearPort, farPort } = contender;
    this.#publishers = Array.from({ length: publishers }, (_, index) => {
      const topic = `plant/${index}/value`;
      const own = { clientId: `bench-${index}`, publisher: index, topic, payloadBytes, window: 1_000, clean: true };
      return new Publisher({ ...common, ...own, port: nearPort });
    });
    const filter = contender.farTopic('plant/#');
    this.#subscriber = new Subscriber({ ...common, port: farPort, clientId: 'bench-far', filter, clean: false });
  }

  async start(): Promise<void> {
    this.#subscriber.start();
    await this.#subscriber.subscribed();
    for (const publisher of this.#publishers) publisher.start();
    await Promise.all(
      this.#publishers.map((publisher) => publisher.progress.until(() => publisher.connection.connected)),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#publishers, this.#subscriber].map((client) => client.stop()));
  }

  /** As fast as the acknowledgements let it. */
  async fullSpeed(count: number): Promise<Speed> {
    return this.#timed(count, async () => this.#publish(count));
  }

  /** `perSecond` for `seconds`, evenly. */
  async paced(perSecond: number, seconds: number): Promise<Paced> {
    const from = this.#subscriber.log.count;
    const count = perSecond * seconds;
    const speed = await this.#timed(count, () => this.#pace(count, perSecond));
    const latencies = this.#latencies(from);
    return { ...speed, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
  }

  /** Publishes `count` while the link is closed, opens it, and watches the backlog arrive. */
  async drain(count: number, reopen: () => Promise<void>): Promise<Drain> {
    await this.#contender.relay.close();
    const before = this.#subscriber.log.count;
    this.#publish(count);
    await Promise.all(this.#publishers.map((publisher) => publisher.progress.until(() => publisher.finished)));
    const startedAt = performance.now();
    await reopen();
    await this.#subscriber.progress.until(() => this.#subscriber.log.count > before);
    const firstMs = performance.now() - startedAt;
    await this.#arrived();
    return { firstMs, lastMs: performance.now() - startedAt };
  }

  async #timed(count: number, publish: () => Promise<void>): Promise<Speed> {
    const cpuMs = this.#contender.cpuMs();
    const startedAt = performance.now();
    await publish();
    await this.#arrived();
    const ms = performance.now() - startedAt;
    await Promise.all(this.#publishers.map((publisher) => publisher.progress.until(() => publisher.finished)));
    return { perSecond: (count / ms) * 1000, cpuUsPerReading: ((this.#contender.cpuMs() - cpuMs) * 1000) / count };
  }

  #publish(count: number): void {
    this.#expected += count;
    for (const publisher of this.#publishers) publisher.publish(count / publishers);
  }

  #pace(count: number, perSecond: number): Promise<void> {
    const startedAt = performance.now();
    let published = 0;
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(count, Math.floor(((performance.now() - startedAt) * perSecond) / 1000));
        for (; published < due; published++) this.#publishers[published % publishers]?.publish(1);
        if (published < count) return;
        clearInterval(timer);
        this.#expected += count;
        resolve();
      }, 1);
    });
  }

  #arrived(): Promise<void> {
    return this.#subscriber.progress.until(() => this.#subscriber.log.count >= this.#expected);
  }

  #latencies(from: number): Float64Array {
    const { log } = this.#subscriber;
    const out = new Float64Array(log.count - from);
    for (let row = from; row < log.count; row++) out[row - from] = log.atMs.at(row) - log.sentAtMs.at(row);
    return out.sort();
  }
}

const quantile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
