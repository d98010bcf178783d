import { addressOf } from '#crypto';
import { type Address, AgentError, after, type Clock, type Duration, type PublicKey } from '#kernel';
import type { AnnouncedMessage, MessageId, MessageState, OutgoingMessage, ReceivedMessage } from '#overlay';
import type { Letters } from './consumers/letters.ts';
import type { Contacts } from './contacts.ts';
import type { Forwarding } from './forwarding.ts';
import type { Inbox } from './inbox/inbox.ts';
import { Looks } from './looks.ts';
import { Replies } from './replies.ts';
import type { Topics } from './topics.ts';

export interface DeskOptions {
  readonly clock: Clock;
  readonly contacts: Contacts;
  readonly inbox: Inbox;
  readonly topics: Topics;
  readonly forwarding: Forwarding;
  /** For consumers, hooks and MQTT sessions. */
  readonly letters: Letters;
  /** Topics of the bus: never read or sent here. */
  readonly reserved: (topic: Uint8Array) => boolean;
  /** Told of whom nobody has named, and what was not let in. */
  readonly stranger: (from: PublicKey) => void;
  readonly send: (message: OutgoingMessage) => MessageId | null;
  readonly markRead: (id: MessageId, from: Address) => void;
}

/** Senders that wait for a reply or for a state. */
const pendingSends = 64;

export interface Letter {
  readonly to: PublicKey | Address;
  readonly topic: Uint8Array;
  readonly payload: Uint8Array;
}

export interface DeskCounters {
  /** From nobody in [contacts] nor among a topic's sources. */
  unknownSender: number;
  /** Not of a topic that this sender may send. */
  topicRefused: number;
  inboxFull: number;
  received: number;
  /** Taken before, and sent again by one that had not been told. */
  again: number;
  forwarded: number;
  sent: number;
}

/** Plain messages (not the bus's): what may come in, a durable inbox, sending, and waiting for replies. */
export class MessageDesk {
  readonly inbox: Inbox;
  readonly topics: Topics;
  readonly looks = new Looks();
  readonly counters: DeskCounters = {
    unknownSender: 0,
    topicRefused: 0,
    inboxFull: 0,
    received: 0,
    again: 0,
    forwarded: 0,
    sent: 0,
  };
  readonly #options: DeskOptions;
  readonly #replies: Replies;
  /** Under way to the ring, and there but not announced yet. */
  readonly #storing = new Map<string, Promise<boolean | null>>();
  readonly #delivered = new Set<string>();
  #waitingSends = 0;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.inbox = options.inbox;
    this.topics = options.topics;
    this.#replies = new Replies(options.clock);
  }

  /** Asked before a byte of a message is kept. Whoever we wrote to may reply; topics are not asked about replies. */
  admit({ from, topic, lengthBytes, isReply }: AnnouncedMessage): boolean {
    if (!this.isWelcome({ from, topic, isReply })) return this.#refused(from);
    if (this.inbox.hasRoom(lengthBytes, topic.length) || (isReply && this.#replies.isAwaitedFrom(from))) return true;
    if (this.#options.letters.isWanted({ from, topic })) return true;
    this.counters.inboxFull++;
    return false;
  }

  /** May this sender send it here, if there is room? */
  isWelcome({ from, topic, isReply }: Pick<AnnouncedMessage, 'from' | 'topic' | 'isReply'>): boolean {
    if (isReply && this.#replies.mayCome(from)) return true;
    const verdict = isReply ? 'default' : this.topics.admits(topic, addressOf(from));
    return verdict === 'source' || (verdict === 'default' && this.#options.contacts.withKey(from) !== undefined);
  }

  /** A reply that somebody waits for is not kept on disk; everything else is, before its sender is told. */
  store(message: ReceivedMessage): Promise<boolean> | null {
    return this.#replies.isAwaited(message) ? null : this.#stored(message);
  }

  received(message: ReceivedMessage): void {
    if (this.#delivered.delete(keyOf(message))) {
      this.counters.received++;
      return;
    }
    const isAwaited = this.#replies.isAwaited(message);
    if (!isAwaited && !this.inbox.has(message)) {
      this.counters.again++;
      this.taken(message);
      return;
    }
    this.counters.received++;
    if (isAwaited) {
      this.#replies.give(message);
      return;
    }
    const path = message.isReply ? null : this.topics.forward(message.topic);
    if (path === null) this.inbox.offer(message);
    else void this.#forward(message, path);
  }

  /** Null: the overlay's outbox is full. `api/reserved` for a topic of the bus. */
  send(letter: Letter, replyTo: MessageId | null = null, changed?: (state: MessageState) => void): MessageId | null {
    this.refuseReserved(letter.topic);
    const message = { ...letter, replyTo, deadlineMs: null };
    const id = this.#options.send(changed === undefined ? message : { ...message, changed });
    if (id === null) return null;
    this.counters.sent++;
    this.#replies.wroteTo(letter.to);
    return id;
  }

  refuseReserved(topic: Uint8Array): void {
    if (!this.#options.reserved(topic)) return;
    throw new AgentError('api/reserved', 'reject', 'topic: found one of the bus, wanted any other');
  }

  /** Sends and waits for the answer; `reply` is null when none came in time. Null: the outbox is full. */
  ask(
    letter: Letter,
    patience: Duration,
    left: (leave: () => void) => void,
  ): Promise<{ id: MessageId; reply: ReceivedMessage | null } | null> {
    return this.#waiting(async () => {
      const id = this.send(letter);
      return id === null ? null : { id, reply: await this.#replies.wait(id, letter.to, patience, left) };
    });
  }

  /** Sends and waits until the far node has it (or gave up, or `patience` ends). Null: the outbox is full. */
  deliver(letter: Letter, patience: Duration): Promise<{ id: MessageId; state: MessageState } | null> {
    return this.#waiting(() => this.#settled(letter, patience));
  }

  /** The reader has taken it: the sender is told. */
  taken({ id, fromAddress }: ReceivedMessage): void {
    this.#options.markRead(id, fromAddress);
  }

  #refused(from: PublicKey): false {
    if (this.#options.contacts.withKey(from) !== undefined) this.counters.topicRefused++;
    else {
      this.counters.unknownSender++;
      this.#options.stranger(from);
    }
    return false;
  }

  async #stored(message: ReceivedMessage): Promise<boolean> {
    const isStored = (await this.#asLetter(message)) ?? (await this.inbox.store(message));
    if (!isStored) this.counters.inboxFull++;
    return isStored;
  }

  /** Null: nobody has named its topic, it is for a program behind a socket, too long, or it came before: the inbox's. */
  async #asLetter(message: ReceivedMessage): Promise<boolean | null> {
    const { letters } = this.#options;
    const isForSocket = !message.isReply && this.topics.forward(message.topic) !== null;
    if (isForSocket || !letters.isWanted(message) || this.inbox.holds(message)) return null;
    const key = keyOf(message);
    const storing = this.#storing.get(key) ?? letters.store(message);
    this.#storing.set(key, storing);
    const isStored = await storing.finally(() => this.#storing.delete(key));
    if (isStored !== true || this.inbox.holds(message)) return isStored;
    this.#delivered.add(key);
    await this.inbox.remember(message);
    return true;
  }

  /** Whatever goes wrong: the message is in the inbox, and stays there. Never rejects. */
  async #forward(message: ReceivedMessage, path: string): Promise<void> {
    const claim = this.inbox.claim(message);
    if (claim === null) return;
    const reply = await this.#options.forwarding.forward(message, path);
    if (reply === null) {
      claim.putBack();
      return;
    }
    this.counters.forwarded++;
    this.send({ to: message.from, topic: new Uint8Array(), payload: reply }, message.id);
    await claim.remove();
    this.taken(message);
  }

  #settled(letter: Letter, patience: Duration): Promise<{ id: MessageId; state: MessageState } | null> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      let state: MessageState = 'pending';
      let id: MessageId | null = null;
      const finish = (): void => {
        timer.cancel();
        resolve(id === null ? null : { id, state });
      };
      const timer = clock.at(after(clock.now(), patience), finish);
      try {
        id = this.send(letter, null, (changed) => {
          state = changed;
          if (changed === 'received' || changed === 'read' || changed === 'aborted') finish();
        });
        if (id === null) finish();
      } catch (error) {
        timer.cancel();
        reject(error);
      }
    });
  }

  async #waiting<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waitingSends >= pendingSends) {
      throw new AgentError('api/busy', 'retry', `messages: ${this.#waitingSends} senders wait already`);
    }
    this.#waitingSends++;
    try {
      return await work();
    } finally {
      this.#waitingSends--;
    }
  }
}

const keyOf = ({ from, id, isReply }: Pick<ReceivedMessage, 'from' | 'id' | 'isReply'>): string =>
  `${from}${id}${isReply}`;
