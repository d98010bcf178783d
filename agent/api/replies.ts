import { addressOf, subnetOf } from '#crypto';
import { type Address, after, type Clock, type Duration, type PublicKey, type Subnet } from '#kernel';
import type { MessageId, ReceivedMessage } from '#overlay';

interface Waiting {
  readonly of: Subnet;
  readonly give: (reply: ReceivedMessage) => void;
}

/** Whom we wrote lately; the oldest are forgotten first. */
const addressedLimit = 1024;

/** Replies that somebody waits for, and who may send some because we wrote there. */
export class Replies {
  readonly #clock: Clock;
  readonly #waiting = new Map<MessageId, Waiting>();
  readonly #addressed = new Set<Subnet>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A message went to that node: its reply may come, whoever it is. */
  wroteTo(to: PublicKey | Address): void {
    const subnet = subnetOf(asAddress(to));
    this.#addressed.delete(subnet);
    this.#addressed.add(subnet);
    if (this.#addressed.size <= addressedLimit) return;
    for (const oldest of this.#addressed) {
      this.#addressed.delete(oldest);
      return;
    }
  }

  mayCome(from: PublicKey): boolean {
    return this.#addressed.has(subnetOf(addressOf(from)));
  }

  isAwaitedFrom(from: PublicKey): boolean {
    const subnet = subnetOf(addressOf(from));
    for (const { of } of this.#waiting.values()) if (of === subnet) return true;
    return false;
  }

  isAwaited(message: ReceivedMessage): boolean {
    return message.isReply && this.#waiting.get(message.id)?.of === subnetOf(message.fromAddress);
  }

  give(reply: ReceivedMessage): void {
    this.#waiting.get(reply.id)?.give(reply);
  }

  /** Null: none came in time, or `left` was called (the one who waits has gone). */
  async wait(
    id: MessageId,
    to: PublicKey | Address,
    patience: Duration,
    left: (leave: () => void) => void,
  ): Promise<ReceivedMessage | null> {
    try {
      return await new Promise((resolve) => {
        const timer = this.#clock.at(after(this.#clock.now(), patience), () => resolve(null));
        const end = (reply: ReceivedMessage | null): void => {
          timer.cancel();
          resolve(reply);
        };
        this.#waiting.set(id, { of: subnetOf(asAddress(to)), give: end });
        left(() => end(null));
      });
    } finally {
      this.#waiting.delete(id);
    }
  }
}

/** A key has 64 digits, an address 32. */
const asAddress = (to: PublicKey | Address): Address =>
  to.length === 64 ? addressOf(to as PublicKey) : (to as Address);
