import type { PublicKey } from '#kernel';
import type { AnnouncedMessage, ReceivedMessage } from '#overlay';
import type { RelayFrame } from './frame.ts';
import { openRelayFrame, relayFrameLimit, relayTopic } from './frame.ts';
import type { PostOffice } from './post-office.ts';
import type { Relay } from './relay.ts';

/** Monotonic counts of what came on the relays' topic and was not let in. */
export interface MailCounters {
  unknownSender: number;
  misdirected: number;
  malformed: number;
}

/** The door of relays and of those who use them: one topic, a node may be both. */
export class Mail {
  readonly topic = new TextEncoder().encode(relayTopic);
  readonly counters: MailCounters = { unknownSender: 0, misdirected: 0, malformed: 0 };
  readonly #self: PublicKey;
  readonly #relay: Relay | null;
  readonly #post: PostOffice | null;

  constructor(self: PublicKey, relay: Relay | null, post: PostOffice | null) {
    this.#self = self;
    this.#relay = relay;
    this.#post = post;
  }

  /** Asked before a byte is kept. */
  admits(announced: AnnouncedMessage): boolean {
    if (!this.#owns(announced.topic) || announced.isReply) return false;
    if (announced.lengthBytes <= relayFrameLimit && this.#knows(announced.from)) return true;
    this.counters.unknownSender++;
    return false;
  }

  /** False: not on this topic. */
  receive(message: ReceivedMessage): boolean {
    if (!this.#owns(message.topic)) return false;
    const frame = openRelayFrame(message.payload);
    if (!this.#knows(message.from)) this.counters.unknownSender++;
    else if (frame === null) this.counters.malformed++;
    else if (frame.from !== message.from || frame.to !== this.#self) this.counters.misdirected++;
    else this.#dispatch(frame);
    return true;
  }

  #dispatch(frame: RelayFrame): void {
    const isAnswer = frame.kind === 'custody' || frame.kind === 'letter' || frame.kind === 'emptied';
    const isOfOther = frame.kind === 'announce' && frame.says.of !== frame.from;
    if (isAnswer || isOfOther) this.#post?.receive(frame);
    else this.#relay?.receive(frame);
  }

  #knows(from: PublicKey): boolean {
    return this.#relay?.knows(from) === true || this.#post?.knows(from) === true;
  }

  #owns(topic: Uint8Array): boolean {
    return Buffer.compare(topic, this.topic) === 0;
  }
}
