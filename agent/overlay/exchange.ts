import { subnetOf } from '#crypto';
import type { Address, Instant, PublicKey, Random, Subnet } from '#kernel';
import { instant } from '#kernel';
import { Ids } from './message/ids.ts';
import { MessageMachine } from './message/machine.ts';
import { defaultOptions, type MessageOptions } from './message/options.ts';
import { refuseBadInput } from './message/refuse.ts';
import { Shared } from './message/shared.ts';
import type { MessageSink, Origin } from './message/sink.ts';
import { PathMachine } from './path/machine.ts';
import type { PathOptions } from './path/options.ts';
import type { PathSink } from './path/sink.ts';
import type { MessageId, MessageStatus, OutgoingMessage, ReceivedMessage } from './types.ts';

/** What messages, in whatever form, do to the world. Called synchronously, also from inside `send`, `packet` and `tick`. */
export interface ExchangeSink
  extends Omit<MessageSink, 'transmit' | 'waitedInVain'>,
    Omit<PathSink, 'transmitPath' | 'found' | 'handOver' | 'read'> {
  /** A body of plaintext kind `message`, the callee's to keep. */
  transmit(to: Address, body: Uint8Array): void;
  transmitPath: PathSink['transmitPath'];
  /** The key that packets to that address would be sealed with, if it is known. */
  keyOf(to: Address): PublicKey | undefined;
}

export interface ExchangeOptions {
  readonly message: Partial<MessageOptions>;
  readonly path: Partial<PathOptions>;
  /** False: everything goes in messages, as stock does, and no path is answered. */
  readonly betterPath: boolean;
}

/**
 * Both forms of a message behind one door: the better path to nodes of ours that have shown that they speak it, messages as
 * stock knows them to all others. A message begins in one form and goes over to messages, under its own id, only when
 * its path has gone silent; whatever arrives in both is delivered once, because what was delivered is remembered once.
 */
export class Exchange {
  readonly #own: Subnet;
  readonly #sink: ExchangeSink;
  readonly #betterPath: boolean;
  readonly #options: MessageOptions;
  readonly #shared: Shared;
  readonly #messages: MessageMachine;
  readonly #path: PathMachine;
  readonly #ids: Ids;
  #now: Instant = instant(0);

  constructor(own: Subnet, options: ExchangeOptions, sink: ExchangeSink, random: Random) {
    this.#own = own;
    this.#sink = sink;
    this.#betterPath = options.betterPath;
    this.#options = { ...defaultOptions, ...options.message };
    this.#ids = new Ids(random);
    this.#shared = new Shared(this.#options);
    this.#messages = new MessageMachine(this.#options, this.#messageSink(sink), random, this.#shared);
    const pathSink: PathSink = {
      transmitPath: (to, head, tail) => sink.transmitPath(to, head, tail),
      hasRoom: (to) => sink.hasRoom(to),
      hasRoute: (to) => sink.hasRoute(to),
      gathering: () => sink.gathering(),
      ...(sink.store === undefined ? {} : { store: (message) => sink.store?.(message) ?? null }),
      received: (message) => {
        if (message.isReply) this.#answered(message);
        sink.received(message);
      },
      admit: (announced) => sink.admit(announced),
      waitedInVain: (to, inRow) => sink.waitedInVain(to, inRow),
      found: (subnet) => this.#messages.foundOurs(subnet),
      handOver: (letter) => this.#messages.resume(letter, this.#now),
      read: (id, from) => this.#messages.read(id, subnetOf(from.address), this.#now),
    };
    this.#path = new PathMachine(own, { path: options.path, message: this.#options }, this.#shared, pathSink, random);
  }

  /**
   * Null: the outbox is full (in messages or bytes), or an earlier reply to the same message is still under way. Throws
   * `overlay/topic-too-long` and `overlay/message-too-long`. State changes go to the message's own `changed`.
   */
  send(message: OutgoingMessage, to: Address, now: Instant): MessageId | null {
    this.#now = now;
    refuseBadInput(message, this.#options.maxMessageBytes);
    const id = message.replyTo ?? this.#ids.next();
    const { counters, load } = this.#shared;
    if (!load.hasRoom(message.payload.length) || this.#isUnderWay(id)) {
      counters.messages_refused_outbox_full++;
      return null;
    }
    const key = this.#keyOf(to);
    if (key !== undefined && this.#path.carries(key)) this.#path.send(id, message, key, to, now);
    else {
      this.#messages.sendAs(id, message, to, now);
      if (key !== undefined) this.#path.ask(key, to, now);
    }
    return id;
  }

  abort(id: MessageId, now: Instant): void {
    this.#now = now;
    const letter = this.#path.letters.outbox.get(id);
    if (letter !== undefined && !letter.isFinished) this.#path.abort(letter, now);
    else this.#messages.abort(id, now);
  }

  /** An application took this received message: says so to its sender, once. `from`: for one of before a restart. */
  markRead(id: MessageId, now: Instant, from?: Address): void {
    this.#now = now;
    const to = this.#shared.unread.take(id) ?? from;
    if (to === undefined) return;
    const key = this.#keyOf(to);
    if (key === undefined || !this.#path.sendRead(key, id)) this.#messages.sendRead(id, to);
  }

  status(id: MessageId, now: Instant): MessageStatus | undefined {
    return this.#path.letters.outbox.get(id)?.status(now) ?? this.#messages.status(id, now);
  }

  messagePacket(from: Origin, toAddress: Address, body: Uint8Array, now: Instant): void {
    this.#now = now;
    this.#messages.packet(from, toAddress, body, now);
  }

  pathPacket(from: Origin, toAddress: Address, body: Uint8Array, now: Instant): void {
    this.#now = now;
    if (this.#betterPath) this.#path.packet(from, toAddress, body, now);
  }

  /** Between `hold` and `release` what is to be sent is gathered: for the node to put around a batch of packets. */
  hold(): void {
    this.#messages.hold();
    this.#path.hold();
  }

  release(now: Instant): void {
    this.#now = now;
    this.#messages.release();
    this.#path.release(now);
  }

  /** Sends what has been gathered; soon after the sink's `gathering`. */
  flush(now: Instant): void {
    this.#now = now;
    this.#path.flush(now);
  }

  /** A link has room again. Messages of old need not be told: their answers come. */
  drained(now: Instant): void {
    this.#now = now;
    this.#path.drained(now);
  }

  routeFound(subnet: Subnet, now: Instant): void {
    this.#now = now;
    this.#messages.routeFound(subnet, now);
    this.#path.routeFound(subnet, now);
  }

  /** Ends every unfinished message of ours as `aborted` and tells the far sides. */
  close(now: Instant): void {
    this.#now = now;
    for (const letter of [...this.#path.letters.outbox.unfinished()]) this.#path.abort(letter, now);
    this.#path.flush(now);
    this.#messages.close(now);
  }

  tick(now: Instant): void {
    this.#now = now;
    this.#messages.tick(now);
    this.#path.tick(now);
  }

  deadline(): Instant {
    return instant(Math.min(this.#messages.deadline(), this.#path.deadline()));
  }

  /** Bytes that were sent on the better path and neither answered nor missed. */
  get pathBytesUnderWay(): number {
    return this.#path.bytesUnderWay;
  }

  /** Counters and gauges, as in /metrics without the prefix. */
  get counters(): Readonly<Record<string, number>> {
    const { counters, load, halfOpen, remembered } = this.#shared;
    return {
      ...counters,
      ...this.#path.counters,
      path_destinations: this.#path.destinations,
      outbox_messages: load.count,
      outbox_bytes: load.bytes,
      half_open_messages: halfOpen.count,
      half_open_bytes: halfOpen.heldBytes,
      remembered_ids: remembered.count,
    };
  }

  #isUnderWay(id: MessageId): boolean {
    return this.#path.letters.outbox.isUnfinished(id) || this.#messages.isUnfinished(id);
  }

  #messageSink(sink: ExchangeSink): MessageSink {
    return {
      transmit: (to, body) => sink.transmit(to, body),
      hasRoom: (to) => sink.hasRoom(to),
      store: (message) => sink.store?.(message) ?? null,
      received: (message) => {
        if (message.isReply) this.#letterOf(message.id, message.from, 'received');
        sink.received(message);
      },
      admit: (announced) => sink.admit(announced),
      read: (id, { key }) => this.#letterOf(id, key, 'read'),
      isOurs: (to) => {
        const key = sink.keyOf(to);
        return key !== undefined && this.#path.carries(key);
      },
      waitedInVain: (to, inRow) => {
        this.#askAgain(to);
        sink.waitedInVain(subnetOf(to), inRow);
      },
    };
  }

  #askAgain(to: Address): void {
    const key = this.#keyOf(to);
    if (key !== undefined) this.#path.ask(key, to, this.#now);
  }

  /** Undefined: the better path does not go there. */
  #keyOf(to: Address): PublicKey | undefined {
    return this.#betterPath && subnetOf(to) !== this.#own ? this.#sink.keyOf(to) : undefined;
  }

  /** A reply that is complete says that the message arrived. */
  #answered({ id, from, fromAddress }: ReceivedMessage): void {
    this.#letterOf(id, from, 'received');
    this.#messages.answered(id, subnetOf(fromAddress), this.#now);
  }

  /** A message that went by the better path has arrived, says the other form. */
  #letterOf(id: MessageId, from: PublicKey, state: 'received' | 'read'): void {
    const { letters } = this.#path;
    const letter = letters.outbox.get(id);
    if (letter === undefined || letter.key !== from || letter.state === 'pending' || letter.state === 'aborted') return;
    letters.finish(letter, 'received', this.#now);
    if (state === 'read') letter.become('read');
  }
}
