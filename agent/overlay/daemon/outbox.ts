import {
  type Address,
  after,
  type Env,
  hexOf,
  type Instant,
  instant,
  milliseconds,
  minutes,
  never,
  type Subnet,
} from '#kernel';
import { Alarm } from '../alarm.ts';
import type { MessageId, MessageStatus, OutgoingMessage } from '../types.ts';
import type { DaemonCounters } from './counters.ts';
import { Ledger } from './ledger.ts';
import { SentMessage } from './sent-message.ts';
import { payloadLimitBytes, type StockApi } from './stock-api.ts';

/** `abandoned`: to one destination that nothing has been heard of; each costs 10 packets a second until stock gives up. */
const limits = { underWay: 64, underWayBytes: 8 * 1024 * 1024, abandoned: 2, known: 2048 };
/** Questions about what has become of messages: at most so many at once, which leaves a link for pushes, and 500 a second. */
const looks = { atOnce: 3, gap: milliseconds(2) };
const topicLimitBytes = 255;

export interface OutboxPorts {
  readonly env: Env;
  readonly api: StockApi;
  readonly counters: DaemonCounters;
  readonly isReady: () => boolean;
  readonly hasRoute: (subnet: Subnet) => boolean;
  /** What was not worth trying has answered after all. */
  readonly heardOf: (subnet: Subnet) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Messages given to the daemon, and what becomes of them: it has to be asked. Bounded in what is under way, in what the
 * daemon holds of ours in its memory (the ledger), and in what it still tries in vain.
 */
export class Outbox {
  readonly #ports: OutboxPorts;
  readonly #ledger = new Ledger();
  /** The oldest first. */
  readonly #messages = new Map<MessageId, SentMessage>();
  readonly #ids = new Map<MessageId, MessageId>();
  /** Where something was refused for want of an answer, until there is one. At most one for two messages that are known. */
  readonly #barred = new Set<Subnet>();
  readonly #lookAlarm: Alarm;
  readonly #deadlineAlarm: Alarm;
  #underWay = 0;
  #underWayBytes = 0;
  #looking = 0;
  #nextLook: Instant;
  #complainAt = instant(0);

  constructor(ports: OutboxPorts) {
    this.#ports = ports;
    const { clock } = ports.env;
    this.#nextLook = clock.now();
    this.#lookAlarm = new Alarm(clock, () => this.#look());
    this.#deadlineAlarm = new Alarm(clock, (now) => this.#giveUpLate(now));
  }

  get gauges(): Readonly<Record<string, number>> {
    return {
      messages_under_way: this.#underWay,
      daemon_holds_messages: this.#ledger.count,
      daemon_holds_bytes: this.#ledger.bytes,
    };
  }

  /** Null: there is no room, the daemon is not there, or the message is too long for it. */
  send(message: OutgoingMessage, to: Address, subnet: Subnet): MessageId | null {
    const { counters } = this.#ports;
    const length = message.payload.length;
    if (length > payloadLimitBytes || message.topic.length > topicLimitBytes) {
      counters.messages_too_large++;
      this.#complain(length);
      return null;
    }
    if (!this.#hasRoom(length, subnet, message.replyTo)) {
      counters.messages_refused++;
      return null;
    }
    if (neverArrives(length)) counters.messages_of_awkward_length++;
    return this.#give(message, to);
  }

  /** Stops telling. The daemon cannot be told. */
  abort(id: MessageId): void {
    const message = this.#messages.get(id);
    if (message !== undefined && !message.isFinished) this.#finish(message, () => message.tell('aborted'));
  }

  status(id: MessageId): MessageStatus | undefined {
    return this.#messages.get(id)?.status(this.#ports.env.clock.now());
  }

  /** The id given out here of what the daemon calls `remote`. */
  idOf(remote: MessageId): MessageId | undefined {
    return this.#ids.get(remote);
  }

  /** May something be sent there? A destination without a route is tried, but not over and over. */
  isWorthTrying(subnet: Subnet): boolean {
    if (this.#ports.hasRoute(subnet)) return true;
    let unheard = 0;
    for (const message of this.#messages.values()) {
      if (message.subnet === subnet && message.isAbandoned && message.isUnheard) unheard++;
    }
    if (unheard < limits.abandoned) return true;
    this.#barred.add(subnet);
    return false;
  }

  /** The daemon is there. `isNew`: it has forgotten all messages. */
  ready(isNew: boolean): void {
    if (isNew) this.#forgetAll();
    this.#setAlarms();
  }

  stop(): void {
    for (const message of this.#messages.values()) {
      if (!message.isFinished) this.#finish(message, () => message.tell('aborted'));
    }
    this.#lookAlarm.cancel();
    this.#deadlineAlarm.cancel();
  }

  /** Whoever sends it may try again for ever: said once a minute. */
  #complain(lengthBytes: number): void {
    const { clock, log } = this.#ports.env;
    const now = clock.now();
    if (now < this.#complainAt) return;
    this.#complainAt = after(now, minutes(1));
    log.error('message-too-large-for-daemon', { lengthBytes, limitBytes: payloadLimitBytes });
  }

  #hasRoom(bytes: number, subnet: Subnet, replyTo: MessageId | null): boolean {
    const { isReady, env } = this.#ports;
    if (!isReady() || this.#underWay >= limits.underWay) return false;
    if (this.#underWay > 0 && this.#underWayBytes + bytes > limits.underWayBytes) return false;
    if (replyTo !== null && this.#messages.get(replyTo)?.isFinished === false) return false;
    return this.#ledger.hasRoom(bytes, env.clock.now()) && this.isWorthTrying(subnet);
  }

  #give(message: OutgoingMessage, to: Address): MessageId {
    const { env, counters } = this.#ports;
    const now = env.clock.now();
    const id = message.replyTo ?? (hexOf(env.random.bytes(8)) as MessageId);
    const sent = new SentMessage(id, to, message, now);
    this.#messages.delete(id);
    this.#messages.set(id, sent);
    this.#ledger.add(sent.lengthBytes, now);
    this.#underWay++;
    this.#underWayBytes += sent.lengthBytes;
    counters.messages_sent++;
    this.#push(sent, message);
    this.#forgetOldest();
    this.#setAlarms();
    return id;
  }

  /** Whether a request that failed was carried out is not known: the message counts as given up. */
  #push(sent: SentMessage, { to, topic, payload, replyTo }: OutgoingMessage): void {
    const { api, env, failed } = this.#ports;
    const pushed =
      replyTo === null ? api.push(to, topic, payload) : api.reply(replyTo, to, payload).then(() => replyTo);
    pushed.then(
      (remote) => {
        sent.taken(remote, env.clock.now());
        this.#ids.set(remote, sent.id);
        this.#setAlarms();
      },
      (error: unknown) => {
        this.#finish(sent, () => sent.gone());
        failed(error);
      },
    );
  }

  #finish(sent: SentMessage, how: () => void): void {
    const wasFinished = sent.isFinished;
    how();
    if (wasFinished || !sent.isFinished) return;
    this.#underWay--;
    this.#underWayBytes -= sent.lengthBytes;
    const { counters } = this.#ports;
    if (sent.state === 'aborted') counters.messages_aborted++;
    else counters.messages_acknowledged++;
  }

  #giveUpLate(now: Instant): void {
    for (const message of this.#messages.values()) {
      if (!message.isFinished && message.deadline <= now) this.#finish(message, () => message.tell('aborted'));
    }
    this.#setAlarms();
  }

  #setAlarms(): void {
    let look: number = never;
    let deadline: Instant = never;
    for (const message of this.#messages.values()) {
      look = Math.min(look, message.lookAt);
      if (!message.isFinished && message.deadline < deadline) deadline = message.deadline;
    }
    this.#deadlineAlarm.set(deadline);
    if (this.#ports.isReady() && this.#looking < looks.atOnce)
      this.#lookAlarm.set(Math.max(look, this.#nextLook) as Instant);
  }

  /** Asks about the message that has waited longest to be asked about. */
  #look(): void {
    const { api, env, isReady, failed } = this.#ports;
    const now = env.clock.now();
    const due = this.#due(now);
    if (this.#looking >= looks.atOnce || !isReady() || due === null || due.remote === null) return;
    this.#looking++;
    this.#nextLook = after(now, looks.gap);
    const wasDueAt = due.lookAt;
    due.lookAt = never;
    const asked = due.remote;
    api.status(asked).then(
      (found) => {
        this.#looking--;
        // One of before a restart is gone already: what is said of it says nothing of those that came after.
        if (!due.isGone) this.#learn(due, found);
        this.#setAlarms();
      },
      (error: unknown) => {
        this.#looking--;
        if (!due.isGone) due.lookAt = wasDueAt;
        failed(error);
        this.#setAlarms();
      },
    );
    this.#setAlarms();
  }

  #learn(sent: SentMessage, found: Awaited<ReturnType<StockApi['status']>>): void {
    const wasUnheard = sent.isUnheard;
    const now = this.#ports.env.clock.now();
    if (found === null) {
      // It keeps messages for longer than they are asked about: it was started anew, in the second of its last start.
      this.#forgetAll();
      return;
    }
    this.#finish(sent, () => sent.learn(found, now));
    const isHeard = wasUnheard && !sent.isUnheard && found.state !== 'aborted';
    // Once: who is told sends a question, and the answer to that would be told again.
    if (isHeard && this.#barred.delete(sent.subnet)) this.#ports.heardOf(sent.subnet);
  }

  #due(now: Instant): SentMessage | null {
    let first: SentMessage | null = null;
    for (const message of this.#messages.values()) {
      if (message.lookAt <= now && (first === null || message.lookAt < first.lookAt)) first = message;
    }
    return first;
  }

  /** Finished ones are only remembered for those who ask. */
  #forgetOldest(): void {
    if (this.#messages.size <= limits.known) return;
    for (const [id, message] of this.#messages) {
      if (!message.isFinished) continue;
      this.#messages.delete(id);
      if (message.remote !== null) this.#ids.delete(message.remote);
      return;
    }
  }

  #forgetAll(): void {
    this.#ledger.clear();
    this.#barred.clear();
    for (const message of this.#messages.values()) {
      if (message.remote !== null) this.#finish(message, () => message.gone());
    }
  }
}

/** A stock receiver refuses a last chunk of 1–249 bytes, and a stock sender makes it (WIRE.md §5, "Chunk sizes"). */
const chunkBytes = 1300;
const leastLastChunkBytes = 250;

const neverArrives = (length: number): boolean => arrivingLength(length) !== length;

/** The least length, no shorter, that arrives from a stock daemon at a stock daemon. */
export function arrivingLength(length: number): number {
  const last = length % chunkBytes;
  if (length < chunkBytes || last === 0 || last >= leastLastChunkBytes) return length;
  return length - last + leastLastChunkBytes;
}
