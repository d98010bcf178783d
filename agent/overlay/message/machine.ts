import { subnetOf } from '#crypto';
import type { Address, Instant, Random, Subnet } from '#kernel';
import { bufferOver, instant } from '#kernel';
import type { MessageId, MessageStatus, OutgoingMessage } from '../types.ts';
import { eachInBundle } from './bundle.ts';
import { type MessageCounters, newCounters } from './counters.ts';
import { defaultOptions, type MessageOptions } from './options.ts';
import { Post } from './post.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import type { MessageSink, Origin } from './sink.ts';
import { flag, flagsOf, headerBytes, idOf, type Kind, kindOf } from './wire.ts';

/**
 * The message subsystem of a node (WIRE.md §5): both halves, without clock, socket or crypto. Call `tick` no later than
 * `deadline`, and read `deadline` again after every call.
 */
export class MessageMachine {
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #post: Post;
  readonly #answerBundleBytes: number;
  readonly #counters: MessageCounters = newCounters();
  #now: Instant = instant(0);

  constructor(options: Partial<MessageOptions>, sink: MessageSink, random: Random) {
    const all = { ...defaultOptions, ...options };
    this.#post = new Post(sink);
    this.#answerBundleBytes = all.bundleBytes;
    this.#sender = new Sender(all, this.#post, random, this.#counters);
    this.#receiver = new Receiver(all, sink, this.#post, this.#counters, (message) => {
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

  /** Gives up and tells the far side. Nothing happens to a finished message. */
  abort(id: MessageId, now: Instant): void {
    this.#sender.abort(id, now);
  }

  /** An application took this received message: sends READ, once. */
  markRead(id: MessageId, _now: Instant, from?: Address): void {
    this.#receiver.markRead(id, from);
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

  /** One opened bundle, which is message packets of one sender: what they say and ask is answered in bundles. */
  bundle(from: Origin, toAddress: Address, body: Uint8Array, now: Instant): void {
    this.#counters.bundles_received++;
    this.#sender.bundleReceived(subnetOf(from.address));
    this.#receiver.answerBundleBytes = this.#answerBundleBytes;
    const isWhole = eachInBundle(bufferOver(body), (packet) => {
      if (!isPadding(packet)) this.packet(from, toAddress, packet, now);
    });
    this.#receiver.answerBundleBytes = 0;
    if (!isWhole) this.#counters.packets_malformed++;
  }

  /** Sends what has been gathered; soon after the sink's `gathering`. */
  flush(): void {
    this.#post.flush();
  }

  /**
   * Between `hold` and `release` answers are gathered, so that a message whose packets all came in one read is answered
   * once. For the node to put around a batch of packets.
   */
  hold(): void {
    this.#receiver.hold();
    this.#post.hold();
  }

  release(): void {
    this.#receiver.release();
    this.#post.release();
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
      outbox_messages: this.#sender.outbox.count,
      outbox_bytes: this.#sender.outbox.bytes,
      half_open_messages: this.#receiver.halfOpen.count,
      half_open_bytes: this.#receiver.halfOpen.heldBytes,
      remembered_ids: this.#receiver.remembered.count,
    };
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
    else if (kind === 'read') this.#sender.read(id, subnetOf(from.address), now);
    else receiver.aborted(from, id);
  }
}

const isPadding = (packet: Buffer): boolean => packet.length >= headerBytes && flagsOf(packet) === 0;
