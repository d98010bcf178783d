import type { FastifyReply } from 'fastify';
import { AgentError, after, type Clock, seconds, type Timer } from '#kernel';

/** Something that happened, for people and programs that watch. */
export interface AgentEvent {
  readonly kind: string;
  readonly [field: string]: string | number | boolean | null;
}

const limits = { streams: 32, queuedBytes: 262_144 };

/** A comment now and then keeps a silent stream from looking dead. */
const heartbeat = seconds(15);

/** Server-sent events to a bounded number of listeners; one who reads too slowly loses events and is told how many. */
export class EventHub {
  readonly #clock: Clock;
  readonly #streams = new Set<EventStream>();
  readonly #listeners = new Set<EventStream>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  publish(event: AgentEvent): void {
    if (this.#listeners.size === 0) return;
    const block = `event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;
    for (const stream of this.#listeners) stream.write(block);
  }

  /** Turns the reply into a stream of what is published here. `api/busy` when there are too many streams. */
  follow(reply: FastifyReply): void {
    const stream = this.open(reply);
    this.#listeners.add(stream);
    stream.onClose(() => this.#listeners.delete(stream));
  }

  /** A stream of the caller's own events, under the same bound. */
  open(reply: FastifyReply): EventStream {
    if (this.#streams.size >= limits.streams) {
      throw new AgentError('api/busy', 'retry', `events: ${this.#streams.size} streams already`);
    }
    const stream = new EventStream(reply, this.#clock, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }

  close(): void {
    for (const stream of this.#streams) stream.end();
  }
}

/** States: open → closed, once. */
export class EventStream {
  readonly #reply: FastifyReply;
  readonly #clock: Clock;
  #timer: Timer;
  #lost = 0;

  constructor(reply: FastifyReply, clock: Clock, closed: () => void) {
    this.#reply = reply;
    this.#clock = clock;
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    reply.raw.write(': open\n\n');
    this.#timer = this.#beatLater();
    reply.raw.once('close', () => {
      this.#timer.cancel();
      closed();
    });
  }

  /** False when the listener has not kept up and the block was dropped. */
  write(block: string): boolean {
    if (this.#reply.raw.writableLength > limits.queuedBytes) {
      this.#lost++;
      return false;
    }
    if (this.#lost > 0) this.#reply.raw.write(`event: lost\ndata: {"kind":"lost","count":${this.#lost}}\n\n`);
    this.#lost = 0;
    this.#reply.raw.write(block);
    return true;
  }

  /** Resolves when the listener has kept up, or has gone. */
  drained(): Promise<void> {
    if (!this.#reply.raw.writableNeedDrain) return Promise.resolve();
    const raw = this.#reply.raw;
    return new Promise((resolve) => {
      const done = (): void => {
        raw.off('drain', done);
        raw.off('close', done);
        resolve();
      };
      raw.once('drain', done);
      raw.once('close', done);
    });
  }

  onClose(listener: () => void): void {
    this.#reply.raw.once('close', listener);
  }

  get isOpen(): boolean {
    return !this.#reply.raw.destroyed && !this.#reply.raw.writableEnded;
  }

  end(): void {
    this.#reply.raw.end();
  }

  /** Also when the listener does not read. */
  endNow(): void {
    if (this.#reply.raw.writableNeedDrain) this.#reply.raw.destroy();
    else this.#reply.raw.end();
  }

  #beatLater(): Timer {
    return this.#clock.at(after(this.#clock.now(), heartbeat), () => {
      this.write(': still here\n\n');
      this.#timer = this.#beatLater();
    });
  }
}
