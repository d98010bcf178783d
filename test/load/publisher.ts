import { Connection, type ConnectionOptions } from './connection.ts';
import { answer, PublishLog } from './log.ts';
import { packetType } from './packets.ts';
import { PublishTemplate } from './reading.ts';
import { Waiters } from './waiters.ts';

export interface PublisherOptions extends ConnectionOptions {
  readonly publisher: number;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly payloadBytes: number;
  /** Readings sent and not yet acknowledged, at most (QoS 1 and 2). */
  readonly window: number;
}

const free = 0;
const published = 1;
const released = 2;
const ids = 65_536;

/**
 * A sensor: publishes numbered readings, keeps what is not acknowledged and sends it again after a reconnect with DUP
 * and the packet id it had (MQTT 5 §4.4), also when it asked for a clean session, as most client libraries do.
 */
export class Publisher {
  readonly log: PublishLog;
  readonly progress = new Waiters();
  readonly #connection: Connection;
  readonly #options: PublisherOptions;
  readonly #template: PublishTemplate;
  readonly #counterOf = new Uint32Array(ids);
  readonly #stateOf = new Uint8Array(ids);
  #oldestId = 1;
  #nextId = 1;
  #inFlight = 0;
  #window: number;
  #allowed = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#window = Math.min(options.window, 60_000);
    this.log = new PublishLog(options.publisher, options.topic, options.qos);
    this.#template = new PublishTemplate(
      options.version,
      options.topic,
      options.qos,
      options.publisher,
      options.payloadBytes,
    );
    this.#connection = new Connection(options, {
      connected: (sessionPresent, receiveMaximum) => this.#resume(sessionPresent, receiveMaximum),
      packet: (first, bytes, start, end) => this.#packet(first, bytes, start, end),
      drained: () => this.#pump(),
      disconnected: () => this.progress.wake(),
    });
  }

  get connection(): Connection {
    return this.#connection;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Readings asked for with `publish` so far, sent or not. */
  get due(): number {
    return this.#allowed;
  }

  /** Everything that was asked for has been sent and acknowledged. */
  get finished(): boolean {
    return this.log.sent === this.#allowed && this.#inFlight === 0;
  }

  start(): void {
    this.#connection.start();
  }

  stop(): Promise<void> {
    return this.#connection.stop();
  }

  /** Sends `count` more readings as soon as connection and window let it. */
  publish(count: number): void {
    this.#allowed += count;
    this.#pump();
  }

  #pump(): void {
    const log = this.log;
    const connection = this.#connection;
    const now = performance.now();
    while (log.sent < this.#allowed && connection.writable) {
      if (this.#options.qos > 0 && (this.#inFlight >= this.#window || this.#stateOf[this.#nextId] !== free)) return;
      this.#send(log.sent + 1, now);
    }
  }

  #send(counter: number, now: number): void {
    const id = this.#options.qos === 0 ? 0 : this.#takeId(counter);
    this.log.first(id, now);
    this.#write(id, false, counter, now);
  }

  #takeId(counter: number): number {
    const id = this.#nextId;
    this.#nextId = id === ids - 1 ? 1 : id + 1;
    this.#counterOf[id] = counter;
    this.#stateOf[id] = published;
    this.#inFlight++;
    return id;
  }

  #write(id: number, dup: boolean, counter: number, sentAtMs: number): void {
    const at = this.#connection.reserve(this.#template.bytes.length);
    this.#template.write(this.#connection.out, at, id, dup, counter, sentAtMs);
  }

  #resume(sessionPresent: boolean, receiveMaximum: number): void {
    this.#window = Math.min(this.#options.window, 60_000, receiveMaximum);
    if (this.log.connects++ > 0 && !this.#options.clean && !sessionPresent) this.log.sessionsForgotten++;
    for (let id = this.#oldestId; id !== this.#nextId; id = id === ids - 1 ? 1 : id + 1) {
      if (this.#stateOf[id] === published) this.#again(id);
      else if (this.#stateOf[id] === released) this.#connection.ack(packetType.pubrel, id);
    }
    this.#pump();
    this.progress.wake();
  }

  #again(id: number): void {
    const counter = this.#counterOf[id] as number;
    this.log.again(counter);
    this.#write(id, true, counter, this.log.sentAtMs.at(counter - 1));
  }

  #packet(first: number, bytes: Buffer, start: number, end: number): void {
    const type = first & 0xf0;
    if (type !== packetType.puback && type !== packetType.pubrec && type !== packetType.pubcomp) return;
    const id = bytes.readUInt16BE(start);
    if (end > start + 2 && (bytes[start + 2] as number) >= 0x80) this.#reject(id);
    else if (type === packetType.pubrec) this.#release(id);
    else this.#complete(id);
    this.#pump();
    this.progress.wake();
  }

  #reject(id: number): void {
    this.log.rejected++;
    this.#free(id);
  }

  #release(id: number): void {
    if (this.#stateOf[id] === free) return;
    if (this.#stateOf[id] === published) this.log.answer(this.#counterOf[id] as number, answer.received);
    this.#stateOf[id] = released;
    this.#connection.ack(packetType.pubrel, id);
  }

  #complete(id: number): void {
    if (this.#stateOf[id] === free) return;
    this.log.answer(this.#counterOf[id] as number, answer.completed);
    this.#free(id);
  }

  #free(id: number): void {
    if (this.#stateOf[id] === free) return;
    this.#stateOf[id] = free;
    this.#inFlight--;
    while (this.#oldestId !== this.#nextId && this.#stateOf[this.#oldestId] === free)
      this.#oldestId = this.#oldestId === ids - 1 ? 1 : this.#oldestId + 1;
  }
}
