import type { Address, Instant, PublicKey } from '#kernel';
import { instant, never } from '#kernel';
import type { MessageId, MessagePriority, MessageState, MessageStatus, OutgoingMessage } from '../types.ts';
import { Spans } from './spans.ts';
import type { PartHead } from './wire.ts';

const noBytes = new Uint8Array(0);
/** Stock's API tells progress in chunks of so many bytes. */
const chunkBytes = 1300;
const hurriedBytes = 4096;

/** One message of ours on the better path, from `send` until it is finished or handed over. */
export class Letter implements PartHead {
  readonly id: MessageId;
  readonly idBytes: Uint8Array;
  readonly message: OutgoingMessage;
  readonly key: PublicKey;
  readonly to: Address;
  readonly topic: Uint8Array;
  readonly isPatient: boolean;
  readonly lengthBytes: number;
  readonly priority: MessagePriority;
  readonly createdAt: Instant;
  readonly deadlineAt: Instant;
  payload: Uint8Array;
  state: MessageState = 'pending';
  /** Names this attempt: what is said about an earlier one counts no more. */
  tag = 0;
  /** Everything before has been sent in this attempt. */
  next = 0;
  /** An empty message has nothing but its being sent. */
  wasSent = false;
  wasAcked = false;
  /** To be sent again, in order. */
  readonly again: [start: number, end: number][] = [];
  readonly acked = new Spans();
  underWayBytes = 0;
  isQueued = false;
  /** It goes on in another form. */
  isHandedOver = false;
  /** Not sent before: the far side had no room, or asked for patience. */
  heldUntil: Instant | null = null;
  refusals = 0;
  refusedAt: Instant = instant(0);
  /** When the far side is asked what has become of it; `never`: it need not be. */
  askAt: Instant = never;
  asked = 0;

  constructor(
    id: MessageId,
    message: OutgoingMessage,
    key: PublicKey,
    to: Address,
    createdAt: Instant,
    deadlineAt: Instant,
  ) {
    this.id = id;
    this.idBytes = Buffer.from(id, 'hex');
    this.message = message;
    this.key = key;
    this.to = to;
    this.topic = message.topic;
    this.payload = message.payload;
    this.lengthBytes = message.payload.length;
    this.priority = message.priority ?? 1;
    this.isPatient = message.isPatient === true;
    this.createdAt = createdAt;
    this.deadlineAt = deadlineAt;
  }

  get isFinished(): boolean {
    return this.isHandedOver || this.state === 'received' || this.state === 'read' || this.state === 'aborted';
  }

  /** Short and urgent: it waits neither for the window nor for the pace. */
  get isHurried(): boolean {
    return this.priority === 0 && this.lengthBytes <= hurriedBytes;
  }

  get isReply(): boolean {
    return this.message.replyTo !== null;
  }

  get hasMore(): boolean {
    return this.again.length > 0 || this.next < this.lengthBytes || !this.wasSent;
  }

  /** Nothing of it has been sent in this attempt, so that it may go whole. */
  get isUntouched(): boolean {
    return !this.wasSent && this.again.length === 0;
  }

  become(state: MessageState): void {
    if (this.state === state) return;
    this.state = state;
    this.message.changed?.(state);
  }

  /** From zero, under another tag. */
  restart(tag: number): void {
    this.tag = tag;
    this.next = 0;
    this.wasSent = false;
    this.wasAcked = false;
    this.again.length = 0;
    this.acked.clear();
    this.underWayBytes = 0;
    this.askAt = never;
    this.asked = 0;
  }

  /** What of [start, end) has not been acked goes again. */
  lost(start: number, end: number): void {
    if (this.lengthBytes === 0) this.wasSent = false;
    for (const [from, to] of this.acked.holes(start, end)) this.again.push([from, to]);
  }

  get areAllAcked(): boolean {
    return this.wasSent && (this.lengthBytes === 0 ? this.wasAcked : this.acked.covers(0, this.lengthBytes));
  }

  /** Lets go of what only sending needs. */
  close(): void {
    this.payload = noBytes;
    this.again.length = 0;
    this.acked.clear();
    this.askAt = never;
    this.heldUntil = null;
  }

  status(now: Instant): MessageStatus {
    const chunks = (bytes: number): number => Math.ceil(bytes / chunkBytes);
    const isThere = this.state === 'received' || this.state === 'read';
    const acked = chunks(isThere ? this.lengthBytes : this.acked.total);
    const sent = Math.min(chunks(this.lengthBytes) - acked, chunks(this.underWayBytes));
    return {
      to: this.to,
      state: this.state,
      lengthBytes: this.lengthBytes,
      chunks: { pending: chunks(this.lengthBytes) - acked - sent, sent, acked },
      createdAgoMs: now - this.createdAt,
      deadlineInMs: this.deadlineAt - now,
    };
  }
}
