import { subnetOf } from '#crypto';
import {
  type Address,
  after,
  type Duration,
  type Instant,
  milliseconds,
  minutes,
  never,
  type Subnet,
  since,
} from '#kernel';
import type { MessageId, MessageState, MessageStatus, OutgoingMessage } from '../types.ts';
import type { DaemonMessageState } from './shapes.ts';

/** Stock acts every 100 ms, so that nothing is delivered earlier than this. */
const firstLookMs = 110;
const lookFactor = 1.4;
const longestLookMs = { underWay: 2000, abandoned: 5000 };
/** Stock gives up after this. */
export const stockPatience: Duration = minutes(5);

/**
 * A message given to the daemon. States: as the daemon tells them, pending → sending → received → read, or aborted.
 * Finished here before there (its deadline, `abort`), it is abandoned: stock goes on with it, for it cannot be told.
 */
export class SentMessage {
  readonly id: MessageId;
  readonly to: Address;
  readonly subnet: Subnet;
  readonly lengthBytes: number;
  readonly createdAt: Instant;
  readonly deadline: Instant;
  readonly #changed: ((state: MessageState) => void) | undefined;
  /** Somebody may want to know that it was read. */
  readonly #wantsRead: boolean;
  /** The daemon's name for it; null until it has one. */
  remote: MessageId | null = null;
  /** What was last told here. */
  state: MessageState = 'pending';
  /** What the daemon last said. */
  #there: DaemonMessageState = { state: 'pending', chunks: { pending: 0, sent: 0, acked: 0 } };
  lookAt: Instant = never;
  /** The daemon knows nothing of it any more. */
  isGone = false;
  #waitMs = firstLookMs;

  constructor(id: MessageId, to: Address, message: OutgoingMessage, now: Instant) {
    this.id = id;
    this.to = to;
    this.subnet = subnetOf(to);
    this.lengthBytes = message.payload.length;
    this.createdAt = now;
    this.deadline = after(now, message.deadlineMs === null ? stockPatience : milliseconds(message.deadlineMs));
    this.#changed = message.changed;
    this.#wantsRead = message.deadlineMs === null;
  }

  /** Nothing more is expected of it here. */
  get isFinished(): boolean {
    return this.state === 'received' || this.state === 'read' || this.state === 'aborted';
  }

  /** Finished here, and the daemon is still at it. */
  get isAbandoned(): boolean {
    return this.state === 'aborted' && this.remote !== null && this.#isUnderWayThere;
  }

  /** The far node has not answered to it. */
  get isUnheard(): boolean {
    return this.#there.state === 'pending';
  }

  get #isUnderWayThere(): boolean {
    return this.#there.state === 'pending' || this.#there.state === 'sending';
  }

  /** The daemon has taken it. */
  taken(remote: MessageId, now: Instant): void {
    this.remote = remote;
    this.lookAt = after(now, milliseconds(this.#waitMs));
  }

  /** The daemon has told its state. */
  learn(found: DaemonMessageState, now: Instant): void {
    this.#there = found;
    const { state } = found;
    if (this.state === 'aborted') this.#lookAgain(this.#isUnderWayThere, now);
    else {
      if (state === 'read' && this.state !== 'received') this.tell('received');
      if (state !== this.state) this.tell(state);
      this.#lookAgain(this.#isUnderWayThere || (state === 'received' && this.#wantsRead), now);
    }
  }

  /** The daemon has forgotten it, or never got it. */
  gone(): void {
    this.isGone = true;
    this.#there = { ...this.#there, state: 'aborted' };
    this.lookAt = never;
    if (!this.isFinished) this.tell('aborted');
  }

  tell(state: MessageState): void {
    this.state = state;
    this.#changed?.(state);
  }

  status(now: Instant): MessageStatus {
    return {
      to: this.to,
      state: this.state,
      lengthBytes: this.lengthBytes,
      chunks: this.#there.chunks,
      createdAgoMs: since(this.createdAt, now),
      deadlineInMs: since(now, this.deadline),
    };
  }

  #lookAgain(isWanted: boolean, now: Instant): void {
    const isOver = since(this.createdAt, now) > stockPatience;
    const longest = this.isFinished ? longestLookMs.abandoned : longestLookMs.underWay;
    this.#waitMs = Math.min(longest, this.#waitMs * lookFactor);
    this.lookAt = isWanted && !isOver ? after(now, milliseconds(this.#waitMs)) : never;
  }
}
