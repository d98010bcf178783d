import { addressOf } from '#crypto';
import { type Address, AgentError, after, type Clock, type Duration, type PublicKey } from '#kernel';
import type { AnnouncedMessage, MessageId, MessageState, OutgoingMessage, ReceivedMessage } from '#overlay';
import type { Contacts } from './contacts.ts';
import { Inbox, type InboxLimits } from './inbox.ts';

export interface DeskOptions {
  readonly clock: Clock;
  readonly contacts: Contacts;
  /** Topics of the bus: never read or sent here. */
  readonly reserved: (topic: Uint8Array) => boolean;
  readonly send: (message: OutgoingMessage) => MessageId | null;
  readonly markRead: (id: MessageId) => void;
  readonly limits: DeskLimits;
}

export interface DeskLimits extends InboxLimits {
  /** Senders that wait for a reply or for a state. */
  readonly pendingSends: number;
}

/** Bounds of a stranger's and of a forgetful reader's cost: 1,000 messages, 16 MiB, 64 waiting requests. */
export const deskLimits: DeskLimits = { messages: 1000, bytes: 16_777_216, waiters: 64, pendingSends: 64 };

export interface Letter {
  readonly to: PublicKey | Address;
  readonly topic: Uint8Array;
  readonly payload: Uint8Array;
}

export interface DeskCounters {
  /** From nobody in [contacts]. */
  unknownSender: number;
  inboxFull: number;
  received: number;
  sent: number;
}

/** Plain messages (not the bus's): a bounded inbox, sending, and waiting for replies. */
export class MessageDesk {
  readonly inbox: Inbox;
  readonly counters: DeskCounters = { unknownSender: 0, inboxFull: 0, received: 0, sent: 0 };
  readonly #options: DeskOptions;
  readonly #replies = new Map<MessageId, { readonly to: Address; readonly give: (reply: ReceivedMessage) => void }>();
  #waitingSends = 0;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.inbox = new Inbox(options.clock, options.limits);
  }

  /** Asked before a byte of a message is kept. */
  admit(announced: AnnouncedMessage): boolean {
    const expected = announced.isReply && this.#expects(addressOf(announced.from));
    if (!expected && this.#options.contacts.withKey(announced.from) === undefined) {
      this.counters.unknownSender++;
      return false;
    }
    if (expected || this.inbox.hasRoom(announced.lengthBytes)) return true;
    this.counters.inboxFull++;
    return false;
  }

  received(message: ReceivedMessage): void {
    const waiting = message.isReply ? this.#replies.get(message.id) : undefined;
    if (waiting !== undefined) {
      this.counters.received++;
      waiting.give(message);
    } else if (this.inbox.add(message)) this.counters.received++;
    else this.counters.inboxFull++;
  }

  /** Null: the overlay's outbox is full. `api/reserved` for a topic of the bus. */
  send(letter: Letter, replyTo: MessageId | null = null, changed?: (state: MessageState) => void): MessageId | null {
    if (this.#options.reserved(letter.topic)) {
      throw new AgentError('api/reserved', 'reject', 'topic: found one of the bus, wanted any other');
    }
    const message = { ...letter, replyTo, deadlineMs: null };
    const id = this.#options.send(changed === undefined ? message : { ...message, changed });
    if (id !== null) this.counters.sent++;
    return id;
  }

  /** Sends and waits for the answer; `reply` is null when none came in time. Null: the outbox is full. */
  async ask(letter: Letter, patience: Duration): Promise<{ id: MessageId; reply: ReceivedMessage | null } | null> {
    this.#enter();
    let id: MessageId | null = null;
    try {
      id = this.send(letter);
      if (id === null) return null;
      return { id, reply: await this.#reply(id, letter.to, patience) };
    } finally {
      this.#waitingSends--;
      if (id !== null) this.#replies.delete(id);
    }
  }

  /** Sends and waits until the far node has it (or gave up, or `patience` ends). Null: the outbox is full. */
  async deliver(letter: Letter, patience: Duration): Promise<{ id: MessageId; state: MessageState } | null> {
    this.#enter();
    try {
      return await this.#settled(letter, patience);
    } finally {
      this.#waitingSends--;
    }
  }

  /** The reader has taken it: the sender is told. */
  taken(message: ReceivedMessage): void {
    this.#options.markRead(message.id);
  }

  #reply(id: MessageId, to: PublicKey | Address, patience: Duration): Promise<ReceivedMessage | null> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.at(after(this.#options.clock.now(), patience), () => resolve(null));
      const give = (reply: ReceivedMessage): void => {
        timer.cancel();
        resolve(reply);
      };
      this.#replies.set(id, { to: asAddress(to), give });
    });
  }

  #settled(letter: Letter, patience: Duration): Promise<{ id: MessageId; state: MessageState } | null> {
    return new Promise((resolve, reject) => {
      let state: MessageState = 'pending';
      let id: MessageId | null = null;
      const finish = (): void => {
        timer.cancel();
        resolve(id === null ? null : { id, state });
      };
      const timer = this.#options.clock.at(after(this.#options.clock.now(), patience), finish);
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

  #expects(from: Address): boolean {
    for (const waiting of this.#replies.values()) if (waiting.to === from) return true;
    return false;
  }

  #enter(): void {
    if (this.#waitingSends >= this.#options.limits.pendingSends) {
      throw new AgentError('api/busy', 'retry', `messages: ${this.#waitingSends} senders wait already`);
    }
    this.#waitingSends++;
  }
}

/** A key has 64 digits, an address 32. */
const asAddress = (to: PublicKey | Address): Address =>
  to.length === 64 ? addressOf(to as PublicKey) : (to as Address);
