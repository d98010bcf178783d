import type { Layout } from '#codec';
import { isRefusal } from '#codec';
import type { Env, PublicKey, Sequence } from '#kernel';
import { assert, unreachable } from '#kernel';
import type { AnnouncedMessage, Overlay, ReceivedMessage } from '#overlay';
import type { Lane, Ring } from '#ring';
import { Alarms } from './alarms.ts';
import { Budget } from './budget.ts';
import type { OpenedFrame } from './frame.ts';
import {
  ackLayout,
  batchLayout,
  busTopic,
  firstFlag,
  helloLayout,
  noToken,
  openFrame,
  receiptLayout,
  relaysFrame,
  resetLayout,
  restoredFlag,
  welcomeLayout,
} from './frame.ts';
import type { InboundHouse } from './inbound-runner.ts';
import { InboundRunner } from './inbound-runner.ts';
import { toldFlag } from './item-writer.ts';
import { Lives } from './lives.ts';
import { knownStreams, memoryPrefix } from './memory.ts';
import type { OutboundHouse } from './outbound-runner.ts';
import { OutboundRunner } from './outbound-runner.ts';
import type { CameLetter, Post } from './relay/post-types.ts';
import { sendFrame } from './sending.ts';
import type { Bus, BusCounters, BusEvent, BusOptions, Delivered, RaisedAlarm, StreamOptions } from './types.ts';

/** The largest frame that is let in: a batch, or one record of a size that no broker here takes. */
export const frameLimitBytes = 4 * 1024 * 1024;
/** Frames in memory over all inbound streams. */
const budgetBytes = 16 * 1024 * 1024;
/** Frames kept that come before this boot is durable; the others are sent again. */
const earlyLimit = 64;

export interface BusPorts {
  readonly env: Env;
  readonly overlay: Overlay;
  readonly ring: Ring;
  /** Left out: nothing goes or comes by relays. */
  readonly post?: Post | null;
}

/**
 * The MessageBus: carries the ring's records to contacts' rings, exactly once and in order per stream, over messages of
 * the overlay. See frame.ts for the conversation, Outbound and Inbound for the two ends.
 */
export function createBus(ports: BusPorts, options: BusOptions): Bus {
  return new MessageBus(ports, options);
}

class MessageBus implements Bus {
  readonly topic = new TextEncoder().encode(busTopic);
  readonly counters: BusCounters = {
    unknownSender: 0,
    misdirected: 0,
    malformed: 0,
    unwanted: 0,
    shed: 0,
    strayed: 0,
    wentBack: 0,
    farEndWentBack: 0,
    wentBackExpected: 0,
    cloned: 0,
    farEndRestarted: 0,
  };
  readonly #ports: BusPorts;
  readonly #options: BusOptions;
  readonly #outbound = new Map<string, OutboundRunner>();
  readonly #inbound = new Map<string, InboundRunner>();
  readonly #outboundHouse: OutboundHouse;
  readonly #inboundHouse: InboundHouse;
  #arrived: (readonly Delivered[])[] = [];
  #listeners: (() => void)[] = [];
  #started = false;
  /** Where the present life stands in the ring; null: nowhere yet. */
  #registered: Sequence | null = null;
  /** It is durable. */
  #alive = false;
  /** Frames that came before. */
  #early: ReceivedMessage[] = [];
  /** Contacts that have been told of our relays in this life; bounded by their number. */
  readonly #toldRelays = new Set<PublicKey>();
  readonly #lives: Lives;
  readonly #alarms: Alarms;

  constructor(ports: BusPorts, options: BusOptions) {
    this.#ports = ports;
    this.#options = options;
    const report = (event: BusEvent): void => this.#reported(event);
    this.#lives = new Lives(ports.ring, ports.overlay.publicKey, options.restored === true);
    this.#alarms = new Alarms(ports.env, this.counters, report);
    const shared = {
      ...ports,
      post: ports.post ?? null,
      topic: this.topic,
      token: () => this.#token(),
      report,
      lives: this.#lives,
      alarm: (alarm: RaisedAlarm) => this.#alarms.raise(alarm),
    };
    this.#outboundHouse = { ...shared, count: (_, stream) => this.#farEndRestarted(stream) };
    this.#inboundHouse = {
      ...shared,
      budget: new Budget(budgetBytes),
      accepts: options.accepts,
      deliver: (records) => this.#arrived.push(records),
      gap: (from, lane, loss) => options.gap(from, lane, loss.count, loss.reason, loss.told),
      count: (what) => {
        this.counters[what]++;
      },
    };
  }

  start(): void {
    const { ring, overlay } = this.#ports;
    this.#started = true;
    for (const { from, lane } of knownStreams(keysOf(ring.states(memoryPrefix)))) this.#inboundOf(from, lane);
    this.#listeners = [
      ring.onDurable((durable) => this.#durable(durable)),
      ring.onRoom(() => this.#room()),
      overlay.onRoute((to, reachable) => this.#route(to, reachable)),
    ];
    this.#register();
    this.#ports.post?.start({
      letter: (letter) => this.#openLetter(letter),
      changed: () => {
        for (const runner of this.#outbound.values()) runner.relays();
      },
    });
  }

  stop(): void {
    this.#started = false;
    this.#alive = false;
    this.#early = [];
    this.#ports.post?.stop();
    for (const remove of this.#listeners) remove();
    this.#listeners = [];
    for (const runner of this.#outbound.values()) runner.stop();
    for (const runner of this.#inbound.values()) runner.stop();
    this.#outbound.clear();
    this.#inbound.clear();
  }

  open(stream: StreamOptions): void {
    const key = keyOf(stream.to, stream.lane);
    assert(!this.#outbound.has(key), `a second stream ${key}`);
    const runner = new OutboundRunner(this.#outboundHouse, stream);
    this.#outbound.set(key, runner);
    if (this.#alive) runner.start();
  }

  close(to: PublicKey, lane: Lane): void {
    const key = keyOf(to, lane);
    this.#outbound.get(key)?.stop();
    this.#outbound.delete(key);
  }

  admits(announced: AnnouncedMessage): boolean {
    if (!this.#owns(announced.topic) || announced.isReply) return false;
    if (announced.lengthBytes <= frameLimitBytes && this.#options.knows(announced.from)) return true;
    this.counters.unknownSender++;
    return false;
  }

  receive(message: ReceivedMessage): boolean {
    if (!this.#owns(message.topic)) return false;
    if (this.#alive) this.#open(message);
    else if (this.#started && this.#early.length < earlyLimit) this.#early.push(message);
    return true;
  }

  get heldBytes(): number {
    return this.#inboundHouse.budget.usedBytes;
  }

  streams(): ReturnType<Bus['streams']> {
    return [...this.#outbound.values()].map((runner) => runner.status());
  }

  alarms(): ReturnType<Bus['alarms']> {
    return this.#alarms.list();
  }

  inbound(): ReturnType<Bus['inbound']> {
    return [...this.#inbound.values()].map((runner) => ({ from: runner.from, lane: runner.lane, ...runner.status() }));
  }

  #owns(topic: Uint8Array): boolean {
    return Buffer.compare(topic, this.topic) === 0;
  }

  #open(message: ReceivedMessage): void {
    if (!this.#options.knows(message.from)) {
      this.counters.unknownSender++;
      return;
    }
    const frame = openFrame(message.payload);
    if (frame === null) this.counters.malformed++;
    else if (frame.course.from !== message.from || frame.course.to !== this.#ports.overlay.publicKey) {
      this.counters.misdirected++;
    } else this.#dispatch(frame, message.payload.length);
  }

  #dispatch(frame: OpenedFrame, bytes: number): void {
    const { from, lane } = frame.course;
    const stream = this.#outbound.get(keyOf(from, lane));
    const restored = (frame.flags & restoredFlag) !== 0;
    switch (frame.kind) {
      case 'hello':
        this.#decoded(frame, helloLayout, (hello) =>
          this.#inboundOf(from, lane).feed({ kind: 'hello', frame: hello, restored }),
        );
        break;
      case 'batch':
        this.#decoded(frame, batchLayout, (batch) =>
          this.#inboundOf(from, lane).feed({ kind: 'batch', frame: batch, bytes }),
        );
        break;
      case 'welcome':
        this.#decoded(frame, welcomeLayout, (welcome) =>
          this.#answer(stream, {
            kind: 'welcome',
            frame: welcome,
            restored,
            readsToldGaps: (frame.flags & toldFlag) !== 0,
          }),
        );
        break;
      case 'ack':
        this.#decoded(frame, ackLayout, (ack) => this.#answer(stream, { kind: 'ack', frame: ack }));
        break;
      case 'reset':
        this.#decoded(frame, resetLayout, (reset) => this.#answer(stream, { kind: 'reset', frame: reset }));
        break;
      case 'receipt':
        // Only sealed, by a relay: nobody else may say what is settled.
        this.counters.unwanted++;
        break;
      case 'relays':
        this.#ports.post?.told(from, frame.body);
        break;
      default:
        unreachable(frame.kind);
    }
  }

  /** What has come by a relay: proven by its seal alone. */
  #openLetter(letter: CameLetter): void {
    const { from, isControl, done } = letter;
    const frame = openFrame(letter.frame);
    if (!this.#alive) return done(true);
    if (!this.#options.knows(from)) this.counters.unknownSender++;
    else if (frame === null) this.counters.malformed++;
    else if (frame.course.from !== from || frame.course.to !== this.#ports.overlay.publicKey)
      this.counters.misdirected++;
    else if (frame.kind === 'batch' && !isControl) return this.#letterBatch(frame, letter);
    else if (frame.kind === 'receipt' && isControl) this.#receipt(frame);
    else if (frame.kind === 'relays') this.#ports.post?.told(from, frame.body);
    else this.counters.unwanted++;
    done(false);
    return undefined;
  }

  #letterBatch(frame: OpenedFrame, letter: CameLetter): void {
    const { from, lane } = frame.course;
    const batch = batchLayout.decode(frame.body);
    if (!isRefusal(batch) && batch.token === noToken) {
      this.#inboundOf(from, lane).letter(batch, (frame.flags & firstFlag) !== 0, letter);
      return;
    }
    this.counters.malformed++;
    letter.done(false);
  }

  #receipt(frame: OpenedFrame): void {
    const { from, lane } = frame.course;
    const stream = this.#outbound.get(keyOf(from, lane));
    this.#decoded(frame, receiptLayout, (receipt) => this.#answer(stream, { kind: 'receipt', frame: receipt }));
  }

  /** Contacts learn where letters for this node may be left: at the first news of a life. */
  #tellRelays(to: PublicKey): void {
    const { post, overlay } = this.#ports;
    if (post?.ownList === null || post === undefined || post === null || this.#toldRelays.has(to)) return;
    this.#toldRelays.add(to);
    const frame = relaysFrame({ from: overlay.publicKey, to, lane: 1 }, post.ownList);
    const untold = (): void => {
      this.#toldRelays.delete(to);
    };
    if (!overlay.reachable(to)) {
      const what = { to, frame, kind: 'data', slot: 'relays', first: 0 } as const;
      post.leave(what, ({ relay }) => (relay === null ? untold() : undefined));
    } else {
      const sent = { to, topic: this.topic, payload: frame, deadlineMs: 60_000, priority: 0 } as const;
      const ended = (became: string): void => (became === 'aborted' ? untold() : undefined);
      if (sendFrame(overlay, sent, ended) === 'refused') untold();
    }
  }

  #reported(event: BusEvent): void {
    if (event.kind === 'acked' || event.kind === 'left') this.#tellRelays(event.to);
    else if (event.kind === 'stored') this.#tellRelays(event.from);
    this.#options.event?.(event);
  }

  #decoded<T extends object>(frame: OpenedFrame, layout: Layout<T>, then: (value: T) => void): void {
    const value = layout.decode(frame.body);
    if (isRefusal(value)) this.counters.malformed++;
    else then(value);
  }

  #answer(stream: OutboundRunner | undefined, event: Parameters<OutboundRunner['feed']>[0]): void {
    if (stream === undefined) this.counters.unwanted++;
    else stream.feed(event);
  }

  #inboundOf(from: PublicKey, lane: Lane): InboundRunner {
    const key = keyOf(from, lane);
    let runner = this.#inbound.get(key);
    if (runner === undefined) {
      runner = new InboundRunner(this.#inboundHouse, from, lane);
      this.#inbound.set(key, runner);
    }
    return runner;
  }

  /**
   * No word of this life goes out before it is durable that there is one: two boots with one number would be taken for
   * an older image, or a clone.
   */
  #register(): void {
    const appended = this.#ports.ring.append([this.#lives.change()]);
    if (appended.ok) this.#registered = appended.last;
  }

  #begin(): void {
    this.#alive = true;
    for (const runner of this.#outbound.values()) runner.start();
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.#open(message);
  }

  #durable(upTo: Sequence): void {
    if (!this.#alive && this.#registered !== null && upTo >= this.#registered) this.#begin();
    for (const runner of this.#inbound.values()) runner.feed({ kind: 'durable', upTo });
    this.#deliver();
    for (const runner of this.#outbound.values()) runner.durable();
  }

  /** In ring order over all streams. */
  #deliver(): void {
    if (this.#arrived.length === 0) return;
    const arrived = this.#arrived;
    this.#arrived = [];
    arrived.sort((a, b) => (a[0]?.sequence ?? 0) - (b[0]?.sequence ?? 0));
    for (const records of arrived) this.#options.delivered(records);
  }

  #room(): void {
    if (this.#registered === null) this.#register();
    for (const runner of this.#inbound.values()) runner.feed({ kind: 'room' });
  }

  #route(to: PublicKey, reachable: boolean): void {
    for (const runner of this.#outbound.values()) {
      if (runner.stream.to === to) runner.feed({ kind: 'route', reachable });
    }
  }

  #farEndRestarted({ to, lane }: StreamOptions): void {
    this.counters.farEndRestarted++;
    this.#ports.env.log.debug('far-end-restarted', () => ({ to, lane }));
  }

  #token(): string {
    for (;;) {
      const token = Buffer.from(this.#ports.env.random.bytes(8)).toString('hex');
      if (token !== noToken) return token;
    }
  }
}

const keyOf = (key: PublicKey, lane: Lane): string => `${key}/${lane}`;

function* keysOf(states: Iterable<readonly [key: string, value: Uint8Array]>): Iterable<string> {
  for (const [key] of states) yield key;
}
