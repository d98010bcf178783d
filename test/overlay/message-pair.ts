import { createHash } from 'node:crypto';
import type { Address, Instant, PublicKey } from '#kernel';
import type { AnnouncedMessage, MessageId, MessageState, OutgoingMessage, ReceivedMessage } from '#overlay';
import { type Chance, simulatedRandom, type World } from '#sim';
import { MessageMachine } from '../../agent/overlay/message/machine.ts';
import type { MessageOptions } from '../../agent/overlay/message/options.ts';

/** What the path between two nodes does to a packet. */
export interface Weather {
  /** Probability that a packet is lost. */
  loss: number;
  /** Probability that it comes twice. */
  twice: number;
  delayMs: number;
  /** Added at random to the delay, so that packets overtake each other. */
  jitterMs: number;
}

export const calm = (): Weather => ({ loss: 0, twice: 0, delayMs: 5, jitterMs: 0 });

export interface Sent {
  readonly id: MessageId;
  readonly payload: Uint8Array;
  readonly states: MessageState[];
}

export const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

/** One node's message machine in the simulation: packets go through the weather, time is the world's. */
export class Station {
  readonly key: PublicKey;
  readonly address: Address;
  readonly received: ReceivedMessage[] = [];
  readonly sent = new Map<MessageId, Sent>();
  machine: MessageMachine;
  admit: (announced: AnnouncedMessage) => boolean = () => true;
  /** Null: nothing to wait for before the acknowledgement. */
  store: (message: ReceivedMessage) => Promise<boolean> | null = () => null;
  onReceived: (message: ReceivedMessage) => void = () => undefined;
  /** Sees every packet before the weather; false: it is lost. */
  passes: (body: Buffer) => boolean = () => true;
  packets = 0;
  #far: Station | null = null;
  #isGathering = false;
  #wake: { cancel(): void } | null = null;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #weather: Weather;
  readonly #options: Partial<MessageOptions>;

  constructor(world: World, name: number, weather: Weather, options: Partial<MessageOptions> = {}) {
    this.#world = world;
    this.#chance = world.chance.fork();
    this.#weather = weather;
    this.#options = options;
    this.key = name.toString(16).padStart(64, '0') as PublicKey;
    this.address = name.toString(16).padStart(16, '4').padEnd(32, '0') as Address;
    this.machine = this.#born();
  }

  facing(far: Station): void {
    this.#far = far;
  }

  get now(): Instant {
    return this.#world.now;
  }

  send(payload: Uint8Array, more: Partial<OutgoingMessage> = {}): Sent | null {
    const to = this.#far?.address ?? this.address;
    const states: MessageState[] = [];
    const changed = (state: MessageState): void => {
      states.push(state);
      more.changed?.(state);
    };
    const message = { to, topic: new Uint8Array(0), payload, replyTo: null, deadlineMs: null, ...more, changed };
    const id = this.machine.send(message, to, this.now);
    this.settle();
    if (id === null) return null;
    const sent = { id, payload, states };
    this.sent.set(id, sent);
    return sent;
  }

  /** What is sent inside goes out together. */
  together(run: () => void): void {
    this.#isGathering = true;
    run();
    this.#isGathering = false;
    this.settle();
  }

  hears(from: { readonly key: PublicKey; readonly address: Address }, body: Uint8Array): void {
    this.machine.packet(from, this.address, body, this.now);
    this.settle();
  }

  /** A new process with the same identity and no memory. */
  restart(): void {
    this.machine = this.#born();
    this.settle();
  }

  /** Plans the next tick; after every call into the machine. */
  settle(): void {
    if (this.#isGathering) return;
    this.#wake?.cancel();
    this.#wake = null;
    const at = this.machine.deadline();
    if (!Number.isFinite(at)) return;
    this.#wake = this.#world.plan(at - this.now, () => {
      this.machine.tick(this.now);
      this.settle();
    });
  }

  #born(): MessageMachine {
    const sink = {
      transmit: (_to: Address, body: Uint8Array) => this.#transmit(Buffer.from(body)),
      hasRoom: () => true,
      store: (message: ReceivedMessage) => this.store(message),
      received: (message: ReceivedMessage) => {
        this.received.push(message);
        this.onReceived(message);
      },
      admit: (announced: AnnouncedMessage) => this.admit(announced),
    };
    return new MessageMachine(this.#options, sink, simulatedRandom(this.#chance.fork()));
  }

  #transmit(body: Buffer): void {
    this.packets++;
    const { loss, twice, delayMs, jitterMs } = this.#weather;
    if (!this.passes(body) || this.#chance.hits(loss)) return;
    const copies = this.#chance.hits(twice) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      this.#world.plan(delayMs + this.#chance.fraction() * jitterMs, () => this.#far?.hears(this, body));
    }
  }
}

/** Two stations that face each other through the same weather. */
export function pairOf(world: World, weather: Weather, options: Partial<MessageOptions> = {}): [Station, Station] {
  const left = new Station(world, 0xa, weather, options);
  const right = new Station(world, 0xb, weather, options);
  left.facing(right);
  right.facing(left);
  return [left, right];
}

export const flagsIn = (body: Buffer): number => body.readUInt16BE(8);
