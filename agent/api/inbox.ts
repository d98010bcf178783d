import { AgentError, after, type Clock, type Duration } from '#kernel';
import type { ReceivedMessage } from '#overlay';

export interface InboxLimits {
  readonly messages: number;
  readonly bytes: number;
  readonly waiters: number;
}

export interface Wanted {
  /** Exactly this topic; null: any. */
  readonly topic: Uint8Array | null;
  /** True: the message stays. */
  readonly peek: boolean;
}

interface Waiter {
  readonly wanted: Wanted;
  readonly give: (message: ReceivedMessage | null) => void;
}

/** Messages that wait for a reader, oldest first, bounded in number and bytes; and readers that wait for a message. */
export class Inbox {
  readonly #clock: Clock;
  readonly #limits: InboxLimits;
  #messages: ReceivedMessage[] = [];
  #bytes = 0;
  #waiters: Waiter[] = [];

  constructor(clock: Clock, limits: InboxLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get count(): number {
    return this.#messages.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoom(bytes: number): boolean {
    return this.#messages.length < this.#limits.messages && this.#bytes + bytes <= this.#limits.bytes;
  }

  /** False when full. A waiting reader gets it first; those who only look share it. */
  add(message: ReceivedMessage): boolean {
    const matching = this.#waiters.filter(({ wanted }) => matches(wanted, message));
    const taker = matching.find(({ wanted }) => !wanted.peek);
    if (taker === undefined && !this.hasRoom(message.payload.length)) return false;
    if (taker === undefined) this.#store(message);
    for (const waiter of matching) if (waiter === taker || waiter.wanted.peek) waiter.give(message);
    return true;
  }

  /** The oldest that matches, or null. */
  next(wanted: Wanted): ReceivedMessage | null {
    const index = this.#messages.findIndex((message) => matches(wanted, message));
    const message = this.#messages[index];
    if (message === undefined) return null;
    if (!wanted.peek) this.#drop(index, message);
    return message;
  }

  /**
   * The oldest that matches, else the first to come within `patience`, else null. `left` is called with a function that
   * ends the wait early (the reader has gone). Rejects with `api/busy` when too many wait.
   */
  async wait(wanted: Wanted, patience: Duration, left: (leave: () => void) => void): Promise<ReceivedMessage | null> {
    const present = this.next(wanted);
    if (present !== null || patience <= 0) return present;
    if (this.#waiters.length >= this.#limits.waiters) {
      throw new AgentError('api/busy', 'retry', `inbox: ${this.#waiters.length} readers wait already`);
    }
    return new Promise((resolve) => {
      const give = (message: ReceivedMessage | null): void => {
        timer.cancel();
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve(message);
      };
      const waiter: Waiter = { wanted, give };
      const timer = this.#clock.at(after(this.#clock.now(), patience), () => give(null));
      this.#waiters.push(waiter);
      left(() => give(null));
    });
  }

  /** Ends every wait. */
  close(): void {
    for (const waiter of this.#waiters) waiter.give(null);
  }

  #store(message: ReceivedMessage): void {
    this.#messages.push(message);
    this.#bytes += message.payload.length;
  }

  #drop(index: number, message: ReceivedMessage): void {
    this.#messages.splice(index, 1);
    this.#bytes -= message.payload.length;
  }
}

function matches(wanted: Wanted, message: ReceivedMessage): boolean {
  return wanted.topic === null || Buffer.compare(wanted.topic, message.topic) === 0;
}
