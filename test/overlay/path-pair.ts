import type { Address, Instant, PublicKey, Subnet } from '#kernel';
import type { AnnouncedMessage, MessageId, MessageState, OutgoingMessage, ReceivedMessage } from '#overlay';
import { type Chance, simulatedRandom, type World } from '#sim';
import { Exchange, type ExchangeOptions } from '../../agent/overlay/exchange.ts';
import { digestOf } from './message-pair.ts';

/** What the path between two nodes does to a packet. */
export interface Weather {
  /** Probability that a packet is lost. */
  loss: number;
  /** Probability that it comes twice. */
  twice: number;
  delayMs: number;
  /** Added at random to the delay, so that packets overtake each other. */
  jitterMs: number;
  /** Longer packets are lost. */
  longestBytes: number;
  /** Null: unlimited. What comes faster waits in one queue each way. */
  bytesPerMs: number | null;
  /** Nothing comes through. */
  isCut: boolean;
  /** A cut is known to the router. */
  isCutKnown: boolean;
}

export const calm = (): Weather => ({
  loss: 0,
  twice: 0,
  delayMs: 5,
  jitterMs: 0,
  longestBytes: 65_535,
  bytesPerMs: null,
  isCut: false,
  isCutKnown: true,
});

export interface Sent {
  readonly id: MessageId;
  readonly digest: string;
  readonly states: MessageState[];
  /** The life of the sender in which it was sent. */
  readonly life: number;
  isAborted: boolean;
}

export interface Got {
  readonly message: ReceivedMessage;
  readonly digest: string;
  /** The life of the receiver in which it came. */
  readonly life: number;
}

type Kind = 'message' | 'path';

const headBytes = 72;

/** One node's messages in both forms, in the simulation: packets go through the weather, time is the world's. */
export class Station {
  readonly key: PublicKey;
  readonly address: Address;
  readonly got: Got[] = [];
  readonly sent: Sent[] = [];
  exchange: Exchange;
  life = 0;
  admit: (announced: AnnouncedMessage) => boolean = () => true;
  store: ((message: ReceivedMessage) => Promise<boolean> | null) | null = null;
  onReceived: (message: ReceivedMessage) => void = () => undefined;
  /** Sees every packet before the weather; false: it is lost. */
  passes: (kind: Kind, body: Buffer) => boolean = () => true;
  /** False: its link has so much to write that nothing more should come from here. */
  hasRoom = true;
  /** False: it is a program that knows messages alone. */
  speaksPath = true;
  packets = 0;
  bytes = 0;
  /** The most that waited in the queue of its way out. */
  longestWaitMs = 0;
  far: Station | null = null;
  #freeAt = 0;
  #wake: { cancel(): void } | null = null;
  #isTogether = false;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #weather: Weather;
  readonly #options: Partial<ExchangeOptions>;

  constructor(world: World, name: number, weather: Weather, options: Partial<ExchangeOptions> = {}) {
    this.#world = world;
    this.#chance = world.chance.fork();
    this.#weather = weather;
    this.#options = options;
    this.key = name.toString(16).padStart(64, '0') as PublicKey;
    this.address = name.toString(16).padStart(16, '4').padEnd(32, '0') as Address;
    this.exchange = this.#born();
  }

  get now(): Instant {
    return this.#world.now;
  }

  /** Those that are in no final state, of this life. */
  get open(): Sent[] {
    const isOver = (state: MessageState | undefined): boolean =>
      state === 'received' || state === 'read' || state === 'aborted';
    return this.sent.filter(({ states, life }) => life === this.life && !isOver(states.at(-1)));
  }

  send(payload: Uint8Array, more: Partial<OutgoingMessage> = {}): Sent | null {
    const to = this.far?.address ?? this.address;
    const states: MessageState[] = [];
    const changed = (state: MessageState): void => {
      states.push(state);
      more.changed?.(state);
    };
    const message = { to, topic: new Uint8Array(0), payload, replyTo: null, deadlineMs: null, ...more, changed };
    const id = this.exchange.send(message, to, this.now);
    this.settle();
    if (id === null) return null;
    const sent = { id, digest: digestOf(payload), states, life: this.life, isAborted: false };
    this.sent.push(sent);
    return sent;
  }

  abort(sent: Sent): void {
    sent.isAborted = true;
    this.exchange.abort(sent.id, this.now);
    this.settle();
  }

  markRead(id: MessageId): void {
    this.exchange.markRead(id, this.now);
    this.settle();
  }

  /** What is sent inside goes out together. */
  together(run: () => void): void {
    this.#isTogether = true;
    run();
    this.#isTogether = false;
    this.settle();
  }

  hears(from: { readonly key: PublicKey; readonly address: Address }, kind: Kind, body: Uint8Array): void {
    this.exchange.hold();
    if (kind === 'message') this.exchange.messagePacket(from, this.address, body, this.now);
    else if (this.speaksPath) this.exchange.pathPacket(from, this.address, body, this.now);
    this.exchange.release(this.now);
    this.settle();
  }

  /** A new process with the same identity and no memory. */
  restart(): void {
    this.life++;
    this.exchange = this.#born();
    this.settle();
  }

  /** Its link has written what it had. */
  drained(): void {
    this.hasRoom = true;
    this.exchange.drained(this.now);
    this.settle();
  }

  routeFound(): void {
    if (this.far !== null) this.exchange.routeFound(subnetOf(this.far.address), this.now);
    this.settle();
  }

  /** Plans the next tick; after every call into the machine. */
  settle(): void {
    if (this.#isTogether) return;
    this.exchange.flush(this.now);
    this.#wake?.cancel();
    this.#wake = null;
    const at = this.exchange.deadline();
    if (!Number.isFinite(at)) return;
    this.#wake = this.#world.plan(at - this.now, () => {
      this.exchange.tick(this.now);
      this.settle();
    });
  }

  #born(): Exchange {
    const { life } = this;
    const isAlive = (): boolean => this.life === life;
    const sink = {
      transmit: (_to: Address, body: Uint8Array) => this.#transmit('message', Buffer.from(body)),
      transmitPath: (_to: Address, head: Uint8Array, tail: Uint8Array | null) =>
        this.#transmit('path', Buffer.concat(tail === null ? [head] : [head, tail])),
      keyOf: () => this.far?.key,
      hasRoom: () => this.hasRoom,
      hasRoute: () => !(this.#weather.isCut && this.#weather.isCutKnown),
      waitedInVain: () => undefined,
      gathering: () => {
        this.#world.plan(0, () => {
          if (isAlive()) this.settle();
        });
      },
      store: (message: ReceivedMessage) => this.store?.(message) ?? null,
      received: (message: ReceivedMessage) => {
        this.got.push({ message, digest: digestOf(message.payload), life });
        this.onReceived(message);
      },
      admit: (announced: AnnouncedMessage) => this.admit(announced),
    };
    const options = { message: {}, path: {}, betterPath: true, ...this.#options };
    return new Exchange(subnetOf(this.address), options, sink, simulatedRandom(this.#chance.fork()));
  }

  #transmit(kind: Kind, body: Buffer): void {
    this.packets++;
    this.bytes += body.length + headBytes;
    const { loss, twice, delayMs, jitterMs, longestBytes, bytesPerMs, isCut } = this.#weather;
    if (isCut || body.length > longestBytes) return;
    if (!this.passes(kind, body) || this.#chance.hits(loss)) return;
    let waitMs = 0;
    if (bytesPerMs !== null) {
      this.#freeAt = Math.max(this.#freeAt, this.now) + (body.length + headBytes) / bytesPerMs;
      waitMs = this.#freeAt - this.now;
      this.longestWaitMs = Math.max(this.longestWaitMs, waitMs);
    }
    const copies = this.#chance.hits(twice) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const after = waitMs + delayMs + this.#chance.fraction() * jitterMs;
      this.#world.plan(after, () => this.far?.hears(this, kind, Buffer.from(body)));
    }
  }
}

const subnetOf = (address: Address): Subnet => address.slice(0, 16) as Subnet;

/** Two stations that face each other through the same weather. */
export function pairOf(world: World, weather: Weather, options: Partial<ExchangeOptions> = {}): [Station, Station] {
  const left = new Station(world, 0xa, weather, options);
  const right = new Station(world, 0xb, weather, options);
  left.far = right;
  right.far = left;
  return [left, right];
}
