import { subnetOf } from '#crypto';
import type { Address, Instant, Random, Subnet } from '#kernel';
import { bufferOver, instant } from '#kernel';
import type { MessageId, MessageStatus, OutgoingMessage } from '../types.ts';
import type { MessageCounters } from './counters.ts';
import { defaultOptions, type MessageOptions } from './options.ts';
import { Receiver } from './receiver.ts';
import { type Begun, Sender } from './sender.ts';
import { Shared } from './shared.ts';
import type { MessageSink, Origin } from './sink.ts';
import { flag, flagsOf, headerBytes, idOf, type Kind, kindOf } from './wire.ts';

/**
 * The message subsystem of a node (WIRE.md §5): both halves, without clock, socket or crypto. Call `tick` no later than
 * `deadline`, and read `deadline` again after every call.
 */
export class MessageMachine {
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #sink: MessageSink;
  readonly #shared: Shared;
  readonly #counters: MessageCounters;
  #now: Instant = instant(0);

  constructor(options: Partial<MessageOptions>, sink: MessageSink, random: Random, shared?: Shared) {
    const all = { ...defaultOptions, ...options };
    this.#sink = sink;
    this.#shared = shared ?? new Shared(all);
    const { counters, load } = this.#shared;
    this.#counters = counters;
    this.#sender = new Sender(all, sink, random, counters, load);
    this.#receiver = new Receiver(all, sink, this.#shared, (message) => {
      if (message.isReply) this.#sender.received(message.id, subnetOf(message.fromAddress), this.#now);
      sink.received(message);
    });
  }

  /**
   * Null: the outbox is full (in messages or bytes), or an earlier reply to the same message is still under way. Throws
   * `overlay/topic-too-long` and `overlay/message-too-long`. State changes go to the message's own `changed`.
   */
  send(message: OutgoingMessage, to: Address, now: Instant): MessageId | null {
    return this.#sender.send(message, to, now);
  }

  /** The same under a given id; room for it has been found. */
  sendAs(id: MessageId, message: OutgoingMessage, to: Address, now: Instant): void {
    this.#sender.sendAs(id, message, to, now);
  }

  /** A message that began in another form goes on in this one. */
  resume(begun: Begun, now: Instant): void {
    this.#sender.resume(begun, now);
  }

  isUnfinished(id: MessageId): boolean {
    return this.#sender.outbox.isUnfinished(id);
  }

  /** Gives up and tells the far side. Nothing happens to a finished message. */
  abort(id: MessageId, now: Instant): void {
    this.#sender.abort(id, now);
  }

  /** An application took this received message: sends READ, once. */
  markRead(id: MessageId, _now: Instant, from?: Address): void {
    this.#receiver.markRead(id, from);
  }

  /** A node of ours has been found there. */
  foundOurs(subnet: Subnet): void {
    this.#sender.foundOurs(subnet);
  }

  sendRead(id: MessageId, to: Address): void {
    this.#receiver.sendRead(id, to);
  }

  /** An application at the far side has taken it, or answered it: so it arrived. */
  read(id: MessageId, from: Subnet, now: Instant): void {
    this.#sender.read(id, from, now);
  }

  answered(id: MessageId, from: Subnet, now: Instant): void {
    this.#sender.received(id, from, now);
  }

  status(id: MessageId, now: Instant): MessageStatus | undefined {
    return this.#sender.status(id, now);
  }

  /** One opened message packet. Never throws on what a stranger can send. */
  packet(from: Origin, toAddress: Address, body: Uint8Array, now: Instant): void {
    const packet = bufferOver(body);
    const kind = packet.length < headerBytes ? null : kindOf(flagsOf(packet));
    if (kind === null) {
      this.#counters.packets_malformed++;
      return;
    }
    this.#now = now;
    const flags = flagsOf(packet);
    const id = idOf(packet);
    if (flags & flag.ack) this.#answer(kind, id, subnetOf(from.address), packet, now);
    else this.#request(kind, id, flags, from, toAddress, packet, now);
  }

  /**
   * Between `hold` and `release` answers are gathered, so that a message whose packets all came in one read is answered
   * once. For the node to put around a batch of packets.
   */
  hold(): void {
    this.#receiver.hold();
  }

  release(): void {
    this.#receiver.release();
  }

  /** A route to that subnet has come back: what had been waiting in vain is sent now. */
  routeFound(subnet: Subnet, now: Instant): void {
    this.#sender.routeFound(subnet, now);
  }

  /** Ends every unfinished message of ours as `aborted` and tells the far sides. */
  close(now: Instant): void {
    for (const { id } of [...this.#sender.outbox.unfinished()]) this.#sender.abort(id, now);
  }

  tick(now: Instant): void {
    this.#sender.tick(now);
    this.#receiver.tick(now);
  }

  deadline(): Instant {
    return instant(Math.min(this.#sender.deadline(), this.#receiver.deadline()));
  }

  /** Counters and gauges, as in /metrics without the prefix. */
  get counters(): Readonly<Record<string, number>> {
    return {
      ...this.#counters,
      outbox_messages: this.#shared.load.count,
      outbox_bytes: this.#shared.load.bytes,
      half_open_messages: this.#shared.halfOpen.count,
      half_open_bytes: this.#shared.halfOpen.heldBytes,
      remembered_ids: this.#shared.remembered.count,
    };
  }

  #read(id: MessageId, from: Origin, now: Instant): void {
    if (!this.#sender.read(id, subnetOf(from.address), now)) this.#sink.read?.(id, from);
  }

  #answer(kind: Kind, id: MessageId, from: Subnet, packet: Buffer, now: Instant): void {
    if (kind === 'init') this.#sender.initAcked(id, from, now);
    else if (kind === 'chunk') this.#sender.chunkAcked(id, from, packet, now);
    else if (kind === 'done') this.#sender.doneAcked(id, from, packet, now);
    else this.#counters.packets_unmatched++;
  }

  #request(
    kind: Kind,
    id: MessageId,
    flags: number,
    from: Origin,
    toAddress: Address,
    packet: Buffer,
    now: Instant,
  ): void {
    const receiver = this.#receiver;
    if (kind === 'chunk') receiver.chunk(from, id, packet, now);
    else if (kind === 'init') receiver.init(from, toAddress, id, flags, packet, now);
    else if (kind === 'done') receiver.done(from, id, packet);
    else if (kind === 'read') this.#read(id, from, now);
    else receiver.aborted(from, id);
  }
}
