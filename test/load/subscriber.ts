import { Connection, type ConnectionOptions } from './connection.ts';
import { DeliveryLog } from './log.ts';
import { packetType, subscribePacket, varint } from './packets.ts';
import { readingBytes } from './reading.ts';
import { Waiters } from './waiters.ts';

export interface SubscriberOptions extends ConnectionOptions {
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
}

/**
 * A subscriber that acknowledges what it is given as soon as it is logged, and (QoS 2) gives a packet id out once
 * between its first PUBLISH and its PUBREL, also across reconnects (MQTT 5 §4.3.3, method A).
 */
export class Subscriber {
  readonly log = new DeliveryLog();
  readonly progress = new Waiters();
  readonly #connection: Connection;
  readonly #options: SubscriberOptions;
  readonly #unreleased = new Set<number>();
  #subscribed = false;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#connection = new Connection(options, {
      connected: (sessionPresent) => this.#resume(sessionPresent),
      packet: (first, bytes, start, end) => this.#packet(first, bytes, start, end),
      drained: () => undefined,
      disconnected: () => this.progress.wake(),
    });
  }

  get connection(): Connection {
    return this.#connection;
  }

  start(): void {
    this.#connection.start();
  }

  stop(): Promise<void> {
    return this.#connection.stop();
  }

  /** Resolves when the broker has confirmed the subscription for the first time. */
  subscribed(): Promise<void> {
    return this.progress.until(() => this.#subscribed);
  }

  #resume(sessionPresent: boolean): void {
    if (this.log.connects++ > 0 && !this.#options.clean && !sessionPresent) this.log.sessionsForgotten++;
    if (!sessionPresent || this.log.connects === 1) {
      this.#unreleased.clear();
      this.#connection.write(subscribePacket(this.#options.version, 1, this.#options.filter, this.#options.qos));
    }
    this.progress.wake();
  }

  #packet(first: number, bytes: Buffer, start: number, end: number): void {
    const type = first & 0xf0;
    if (type === packetType.publish) this.#published(first, bytes, start, end);
    else if (type === packetType.pubrel) this.#released(bytes.readUInt16BE(start));
    else if (type === packetType.suback) this.#subscribed = true;
    else return;
    this.progress.wake();
  }

  #published(first: number, bytes: Buffer, start: number, end: number): void {
    const qos = (first >> 1) & 3;
    const topicEnd = start + 2 + bytes.readUInt16BE(start);
    const packetId = qos > 0 ? bytes.readUInt16BE(topicEnd) : 0;
    if (qos < 2 || !this.#unreleased.has(packetId)) {
      const payloadAt = this.#payloadAt(bytes, topicEnd + (qos > 0 ? 2 : 0));
      this.#log(first, bytes.toString('latin1', start + 2, topicEnd), packetId, bytes, payloadAt, end);
    } else this.log.suppressed++;
    if (qos === 2) this.#unreleased.add(packetId);
    if (qos > 0) this.#connection.ack(qos === 1 ? packetType.puback : packetType.pubrec, packetId);
  }

  #payloadAt(bytes: Buffer, at: number): number {
    if (this.#options.version === 4) return at;
    const [length, end] = varint(bytes, at);
    return end + length;
  }

  #log(first: number, topic: string, packetId: number, bytes: Buffer, payloadAt: number, end: number): void {
    const { log } = this;
    if (end - payloadAt < readingBytes) {
      log.foreign++;
      return;
    }
    log.topic.push(log.topicIndex(topic));
    log.publisher.push(bytes.readUInt32LE(payloadAt));
    log.counter.push(bytes.readUInt32LE(payloadAt + 4));
    log.packetId.push(packetId);
    log.flags.push(first & 0x0f);
    log.sentAtMs.push(bytes.readDoubleLE(payloadAt + 8));
    log.atMs.push(performance.now());
  }

  #released(packetId: number): void {
    this.#unreleased.delete(packetId);
    this.#connection.ack(packetType.pubcomp, packetId);
  }
}
