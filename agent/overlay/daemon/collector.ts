import { after, type Env, type Instant, isAgentError, messageOf, milliseconds } from '#kernel';
import type { MessageId, ReceivedMessage } from '../types.ts';
import type { DaemonCounters } from './counters.ts';
import { Recent } from './recent.ts';
import type { PlainMessage, StockApi } from './stock-api.ts';
import type { DaemonOptions } from './types.ts';

/** Between looks at an empty inbox: as short as this after the last message, and as long. Stock's long poll would stop its whole API. */
const pauses = { shortestMs: 10, longestMs: 250 };
/** A message that cannot be taken now is tried again after these. */
const holds = { shortestMs: 500, longestMs: 5000 };
/** Topics looked at in one round, beside the first. */
const othersPerRound = 4;
/** Ids of messages that were handed on. */
const recentLimit = 4096;

export interface CollectorPorts {
  readonly env: Env;
  readonly api: StockApi;
  readonly options: DaemonOptions;
  readonly counters: DaemonCounters;
  /** The id under which the message that this one answers was sent here; undefined: it answers none of ours. */
  readonly answered: (id: MessageId) => MessageId | undefined;
  readonly failed: (error: unknown) => void;
}

/**
 * Takes messages out of the daemon's inbox, which is memory and forgets what it has given: look (peek), hand on and wait
 * until that is durable, only then take out (pop), and see that the one taken out is the one looked at.
 *
 * - Killed between look and take: it is still there, and is handed on once more. Its id is remembered only in memory, so
 *   whoever receives must bear a message twice after a restart (the bus and the inbox do).
 * - Somebody else takes messages of our topics: what came out instead exists only here then, and is handed on first of
 *   all; the other reader is logged and counted, because what it takes is lost to us.
 */
export class Collector {
  readonly #ports: CollectorPorts;
  readonly #recent = new Recent(recentLimit);
  readonly #held = new Map<string, { until: Instant; times: number }>();
  /** Taken out in another's place, and not yet handed on. */
  #orphan: PlainMessage | null = null;
  #turn = 0;
  #next = 0;
  #wake: (() => void) | null = null;

  constructor(ports: CollectorPorts) {
    this.#ports = ports;
  }

  start(): void {
    const turn = ++this.#turn;
    this.#run(turn).catch((error: unknown) => {
      if (turn === this.#turn) this.#ports.failed(error);
    });
  }

  stop(): void {
    this.#turn++;
    this.#wake?.();
  }

  async #run(turn: number): Promise<void> {
    for (let idle = 0; turn === this.#turn; ) {
      const hasFound = await this.#round(turn);
      idle = hasFound ? 0 : Math.min(idle + 1, 10);
      if (!hasFound) await this.#pause(Math.min(pauses.longestMs, pauses.shortestMs * 2 ** (idle - 1)));
    }
  }

  async #round(turn: number): Promise<boolean> {
    if (this.#orphan !== null) return this.#handOrphan(this.#orphan);
    const [first, ...others] = this.#ports.options.topics();
    if (first === undefined) return false;
    let hasFound = await this.#collect(first.topic, turn);
    for (let count = 0; count < Math.min(othersPerRound, others.length) && turn === this.#turn; count++) {
      const other = others[this.#next++ % others.length];
      if (other !== undefined && (await this.#collect(other.topic, turn))) hasFound = true;
    }
    return hasFound;
  }

  async #collect(topic: Uint8Array, turn: number): Promise<boolean> {
    const { api, env } = this.#ports;
    const name = nameOf(topic);
    const hold = this.#held.get(name);
    if (hold !== undefined && hold.until > env.clock.now()) return false;
    const found = await this.#peek(topic);
    if (found === null || turn !== this.#turn) return false;
    if (!(await this.#handOnce(found))) {
      this.#hold(name, hold?.times ?? 0);
      return false;
    }
    this.#held.delete(name);
    if (turn !== this.#turn) return false;
    this.#popped(found, await api.pop(topic));
    return true;
  }

  async #peek(topic: Uint8Array): Promise<PlainMessage | null> {
    const { api, counters, env } = this.#ports;
    try {
      return await api.peek(topic);
    } catch (error) {
      if (!isAgentError(error, 'daemon/too-large')) throw error;
      counters.too_large_dropped++;
      env.log.error('message-too-large-dropped', { why: messageOf(error) });
      await api.discard(topic).catch((again: unknown) => {
        if (!isAgentError(again, 'daemon/too-large')) throw again;
      });
      return null;
    }
  }

  #popped(wanted: PlainMessage, popped: PlainMessage | null): void {
    if (popped !== null && keyOf(popped) === keyOf(wanted)) return;
    const { counters, env } = this.#ports;
    counters.popped_by_others++;
    env.log.warn('another-program-reads-our-topic', { topic: Buffer.from(wanted.topic).toString() });
    if (popped !== null) this.#orphan = popped;
  }

  async #handOrphan(orphan: PlainMessage): Promise<boolean> {
    const isTaken = await this.#handOnce(orphan);
    if (isTaken) this.#orphan = null;
    return isTaken;
  }

  /** True: it is with whom it is for, or was dropped for good. */
  async #handOnce(message: PlainMessage): Promise<boolean> {
    if (this.#recent.has(keyOf(message))) {
      this.#ports.counters.duplicates_refused++;
      return true;
    }
    if (!(await this.#hand(this.#received(message)))) return false;
    this.#recent.add(keyOf(message));
    return true;
  }

  async #hand(message: ReceivedMessage): Promise<boolean> {
    const { options, counters } = this.#ports;
    const { from, topic, payload, isReply } = message;
    const announced = { from, topic, lengthBytes: payload.length, isReply };
    if (!options.admit(announced)) {
      const isForLater = options.isForLater(announced);
      if (isForLater) counters.messages_held++;
      else counters.messages_not_admitted++;
      return !isForLater;
    }
    const stored = (await options.store?.(message)?.catch(() => false)) ?? true;
    if (!stored) {
      counters.messages_held++;
      return false;
    }
    counters.messages_received++;
    counters.messages_received_bytes += payload.length;
    options.received(message);
    return true;
  }

  /** Stock does not say what is a reply: one has no topic, and the id of what it answers. */
  #received(message: PlainMessage): ReceivedMessage {
    const asked = message.topic.length === 0 ? this.#ports.answered(message.id) : undefined;
    return { ...message, id: asked ?? message.id, isReply: asked !== undefined };
  }

  #hold(name: string, times: number): void {
    const { clock } = this.#ports.env;
    const wait = Math.min(holds.longestMs, holds.shortestMs * 2 ** Math.min(times, 8));
    this.#held.set(name, { until: after(clock.now(), milliseconds(wait)), times: times + 1 });
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#ports.env;
    return new Promise((resolve) => {
      const timer = clock.at(after(clock.now(), milliseconds(ms)), resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

const nameOf = (topic: Uint8Array): string => Buffer.from(topic).toString('base64');

const keyOf = ({ id, from }: PlainMessage): string => `${id}${from}`;
