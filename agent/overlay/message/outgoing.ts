import { blake3 } from '#crypto';
import type { Address, Instant } from '#kernel';
import { never } from '#kernel';
import type { MessageId, MessagePriority, MessageState, MessageStatus, OutgoingMessage } from '../types.ts';
import { Chunks } from './chunks.ts';
import type { Destination } from './destination.ts';
import { hashStepBytes, RunningHash } from './running-hash.ts';
import { doneBytes, headerBytes, initBytes } from './wire.ts';

const hurriedBytes = 4096;
const noHash = new Uint8Array(0);

/** One message of ours, from `send` until it is finished. What is sent when is `Sender`'s. */
export class Outgoing {
  readonly id: MessageId;
  readonly idBytes: Uint8Array;
  readonly to: Address;
  readonly destination: Destination<Outgoing>;
  readonly topic: Uint8Array;
  readonly isReply: boolean;
  readonly lengthBytes: number;
  readonly priority: MessagePriority;
  readonly chunks: Chunks;
  readonly createdAt: Instant;
  readonly deadlineAt: Instant;
  /** Emptied when the message is finished. */
  payload: Uint8Array;
  state: MessageState = 'pending';

  /** Under way: sent and neither answered nor given up. */
  initUnderWay = false;
  doneUnderWay = false;
  /** A chunk that was acked has gone out again to see whether the far side still knows the message. */
  isProbing = false;
  initWasSent = false;
  /** The far side has the INIT: it said so, or it answered something that comes after it. */
  isOpen = false;
  /** A DONE of this attempt has gone out: the far side may have completed it. */
  doneWasSent = false;
  doneWasAcked = false;
  /** It began anew with another INIT: round trips of its packets can no longer be told apart. */
  isRestarted = false;
  /** Nothing is sent ahead of the answer before it. */
  stepwise = false;
  /** Silence after a DONE sent ahead: ask with another DONE before the INIT that would begin anew. */
  asking = false;
  /** Waits in a row without progress. */
  silences = 0;
  retryAt: Instant = never;
  underWayBytes = 0;
  /** In the destination's queue of those that have something to send. */
  isQueued = false;
  /** Its turn has come: something may have been sent. */
  isBegun = false;
  /** Counts among the messages under way to its destination. */
  isActive = false;

  readonly #changed: ((state: MessageState) => void) | undefined;
  /** Only of a long one. */
  readonly #running: RunningHash | null;
  #hash: Uint8Array = noHash;

  constructor(
    id: MessageId,
    message: OutgoingMessage,
    to: Address,
    destination: Destination<Outgoing>,
    createdAt: Instant,
    deadlineAt: Instant,
  ) {
    this.id = id;
    this.idBytes = Buffer.from(id, 'hex');
    this.to = to;
    this.destination = destination;
    this.topic = message.topic;
    this.isReply = message.replyTo !== null;
    this.payload = message.payload;
    this.lengthBytes = message.payload.length;
    this.priority = message.priority ?? 1;
    this.#running = message.payload.length > hashStepBytes ? new RunningHash() : null;
    this.chunks = new Chunks(message.payload.length);
    this.createdAt = createdAt;
    this.deadlineAt = deadlineAt;
    this.#changed = message.changed;
  }

  get isFinished(): boolean {
    return this.state === 'received' || this.state === 'read' || this.state === 'aborted';
  }

  /** Short and urgent: it does not wait for the window. */
  get isHurried(): boolean {
    return this.priority === 0 && this.lengthBytes <= hurriedBytes;
  }

  become(state: MessageState): void {
    if (this.state === state) return;
    this.state = state;
    this.#changed?.(state);
  }

  get initPacketBytes(): number {
    return headerBytes + initBytes + this.topic.length;
  }

  /** Bytes under way, with headers. */
  measure(): number {
    const init = this.initUnderWay ? this.initPacketBytes : 0;
    return init + this.chunks.underWayBytes + (this.doneUnderWay ? headerBytes + doneBytes : 0);
  }

  /** Lets go of what only sending needs. */
  close(): void {
    this.payload = noHash;
  }

  /** Its first `count` bytes have been sent: time to hash them. */
  hashUpTo(count: number): void {
    if (this.#hash === noHash) this.#running?.reached(this.payload, count);
  }

  /** BLAKE3-256 of the payload. */
  hash(): Uint8Array {
    if (this.#hash === noHash) this.#hash = this.#running?.of(this.payload) ?? blake3(this.payload);
    return this.#hash;
  }

  status(now: Instant): MessageStatus {
    const { count, acked, underWay } = this.chunks;
    return {
      to: this.to,
      state: this.state,
      lengthBytes: this.lengthBytes,
      chunks: { pending: count - acked - underWay, sent: underWay, acked },
      createdAgoMs: now - this.createdAt,
      deadlineInMs: this.deadlineAt - now,
    };
  }
}
