import { blake3 } from '#crypto';
import type { Env, PublicKey, Timer } from '#kernel';
import { after, minutes, unreachable } from '#kernel';
import type { Overlay } from '#overlay';
import type { Ring } from '#ring';
import { DeadlineTimer } from '../timer.ts';
import type { CourierEffect, CourierEvent, DepositEnd } from './courier.ts';
import { Courier } from './courier.ts';
import type { RelayFrame, RelaySaying } from './frame.ts';
import { relayFrame, relayTopic } from './frame.ts';
import { encodeRelayList, KnownRelays } from './known-relays.ts';
import type { Envelopes, NewPost, Post, PostCounters, PostEnd, PostHandlers, PostOptions } from './post-types.ts';

/** Relays that this node has to do with. */
export const couriersLimit = 32;
/** A letter that is neither stored nor given up by then goes back to the relay. */
const letterPatience = minutes(2);
const messageDeadlineMs = 60_000;
const slotKeyState = 'bus/post/key';
const slotKeyBytes = 16;

export interface PostPorts {
  readonly env: Env;
  readonly overlay: Overlay;
  readonly ring: Ring;
  readonly envelopes: Envelopes;
}

interface Errand {
  readonly what: NewPost;
  readonly envelope: Uint8Array;
  readonly ended: (end: PostEnd) => void;
  readonly relays: readonly PublicKey[];
  next: number;
  waitSeconds: number;
}

/**
 * An agent's dealings with relays: leaves sealed letters for contacts, with the first of their relays that takes them;
 * collects its own; tells relays and contacts what they must know. See Courier for one relay.
 */
export class PostOffice implements Post {
  readonly counters: PostCounters = {
    stored: 0,
    refused: 0,
    silent: 0,
    notSealed: 0,
    came: 0,
    worthless: 0,
    keptBack: 0,
    shed: 0,
    unwanted: 0,
  };
  readonly ownList: Uint8Array | null;
  readonly #ports: PostPorts;
  readonly #options: PostOptions;
  readonly #known: KnownRelays;
  readonly #topic = new TextEncoder().encode(relayTopic);
  readonly #couriers = new Map<PublicKey, CourierRunner>();
  readonly #errands = new Map<number, Errand>();
  #errandId = 0;
  #slotKey: Uint8Array = new Uint8Array(slotKeyBytes);
  #handlers: PostHandlers | null = null;
  #removeListener: () => void = () => {};
  /** Relays that had nothing more since the start. */
  readonly #emptied = new Set<PublicKey>();

  constructor(ports: PostPorts, options: PostOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#known = new KnownRelays(ports.ring, options.configured);
    this.ownList = options.own.length === 0 ? null : encodeRelayList(options.own);
  }

  start(handlers: PostHandlers): void {
    const { overlay } = this.#ports;
    this.#handlers = handlers;
    this.#slotKey = this.#keptSlotKey();
    this.#removeListener = overlay.onRoute((to, reachable) => {
      this.#couriers.get(to)?.feed({ kind: 'route', reachable });
    });
    for (const relay of this.#options.own) this.#courierOf(relay);
    // Their answers wait at the relays where letters were left for them.
    for (const contact of this.#options.contacts()) for (const relay of this.#known.of(contact)) this.#courierOf(relay);
  }

  stop(): void {
    this.#handlers = null;
    this.#removeListener();
    for (const courier of this.#couriers.values()) courier.stop();
    this.#couriers.clear();
    this.#errands.clear();
  }

  /** A relay that this node deals with. */
  knows(relay: PublicKey): boolean {
    return this.#couriers.has(relay);
  }

  receive(frame: RelayFrame): void {
    this.#couriers.get(frame.from)?.feed({ kind: 'heard', saying: frame });
  }

  hasRelays(to: PublicKey): boolean {
    return this.#known.of(to).length > 0;
  }

  ready(to: PublicKey): boolean {
    return this.#known.of(to).some((relay) => this.#couriers.get(relay)?.reachable === true);
  }

  told(contact: PublicKey, list: Uint8Array): void {
    if (!this.#known.told(contact, list)) return;
    for (const relay of this.#known.of(contact)) this.#courierOf(relay);
    this.#handlers?.changed();
  }

  leave(what: NewPost, ended: (end: PostEnd) => void): void {
    const relays = this.#inTurn(what);
    if (relays.length === 0) return ended({ became: 'no-relay', relay: null, waitSeconds: 0 });
    const envelope = this.#ports.envelopes.seal(what.to, what.frame, what.kind);
    if (envelope === null) {
      this.counters.notSealed++;
      const [relay] = relays;
      if (relay !== undefined) this.#say(relay, { kind: 'ask', says: { of: what.to } });
      return ended({ became: 'not-sealed', relay: null, waitSeconds: 0 });
    }
    const id = ++this.#errandId;
    this.#errands.set(id, { what, envelope, ended, relays, next: 0, waitSeconds: 0 });
    this.#tryNext(id, 'silent');
    return undefined;
  }

  /** The contact's relays that are within reach, the one that is to be tried first in front. */
  #inTurn({ to, first }: NewPost): readonly PublicKey[] {
    const known = this.#known.of(to);
    const all = typeof first === 'number' || known.includes(first) ? known : [first, ...known];
    const start = typeof first === 'number' ? first % Math.max(1, all.length) : all.indexOf(first);
    const turned = [...all.slice(start), ...all.slice(0, start)];
    return turned.filter((relay) => this.#courierOf(relay)?.canTake === true);
  }

  #tryNext(id: number, became: DepositEnd): void {
    const errand = this.#errands.get(id);
    if (errand === undefined) return;
    const relay = errand.relays[errand.next++];
    if (relay === undefined) {
      this.#errands.delete(id);
      errand.ended({ became, relay: null, waitSeconds: errand.waitSeconds });
      return;
    }
    const { what, envelope } = errand;
    const slot = this.#slotOf(what);
    this.#courierOf(relay)?.feed({ kind: 'deposit', deposit: { id, recipient: what.to, slot, envelope } });
  }

  /** Says nothing to the relay but whether it is the same. */
  #slotOf({ to, slot }: NewPost): string {
    const words = Buffer.concat([this.#slotKey, Buffer.from(`${to}/${slot}`)]);
    return Buffer.from(blake3(words).subarray(0, 16)).toString('hex');
  }

  #keptSlotKey(): Uint8Array {
    const { ring, env } = this.#ports;
    const kept = ring.state(slotKeyState);
    if (kept !== undefined && kept.length === slotKeyBytes) return kept;
    const made = env.random.bytes(slotKeyBytes);
    ring.append([{ kind: 'state', key: slotKeyState, value: made }]);
    return made;
  }

  #courierOf(relay: PublicKey): CourierRunner | undefined {
    const known = this.#couriers.get(relay);
    if (known !== undefined) return known;
    if (this.#couriers.size >= couriersLimit || relay === this.#ports.overlay.publicKey) return undefined;
    const courier = new CourierRunner(this.#ports.env, (effect) => this.#carryOut(relay, effect));
    this.#couriers.set(relay, courier);
    courier.feed({ kind: 'route', reachable: this.#ports.overlay.reachable(relay) });
    return courier;
  }

  #carryOut(relay: PublicKey, effect: CourierEffect | Reached): void {
    switch (effect.kind) {
      case 'send':
        this.#say(relay, effect.saying);
        break;
      case 'ended':
        this.#ended(relay, effect);
        break;
      case 'letter':
        this.#letter(relay, effect);
        break;
      case 'emptied':
        this.#relayEmptied(relay);
        break;
      case 'announced':
        this.#ports.envelopes.learn(effect.of, effect.announcement);
        this.#handlers?.changed();
        break;
      case 'count':
        this.counters[effect.what]++;
        break;
      case 'reached':
        this.#reached(relay, effect.reachable);
        break;
      default:
        unreachable(effect);
    }
  }

  #reached(relay: PublicKey, reachable: boolean): void {
    const announcement = reachable ? this.#ports.envelopes.announcement() : null;
    const of = this.#ports.overlay.publicKey;
    if (announcement !== null) this.#say(relay, { kind: 'announce', says: { of, announcement } });
    this.#handlers?.changed();
  }

  #ended(relay: PublicKey, { id, became, waitSeconds }: Extract<CourierEffect, { kind: 'ended' }>): void {
    const errand = this.#errands.get(id);
    if (errand === undefined) return;
    if (became === 'stored') {
      this.counters.stored++;
      this.#errands.delete(id);
      errand.ended({ became, relay, waitSeconds: 0 });
      return;
    }
    if (became === 'silent') this.counters.silent++;
    else this.counters.refused++;
    errand.waitSeconds = Math.max(errand.waitSeconds, waitSeconds);
    this.#tryNext(id, became);
  }

  #letter(relay: PublicKey, { place, depositor, envelope }: Extract<CourierEffect, { kind: 'letter' }>): void {
    const courier = this.#couriers.get(relay);
    const { env, envelopes } = this.#ports;
    this.counters.came++;
    const opened = envelopes.open(depositor, relay, envelope);
    if (opened === 'worthless') this.counters.worthless++;
    if (opened === 'later') this.counters.keptBack++;
    if (typeof opened === 'string' || opened.frame === null || this.#handlers === null) {
      courier?.feed({ kind: 'handled', place, keep: opened === 'later' });
      return;
    }
    const { from, frame, isControl } = opened;
    let timer: Timer | null = null;
    const done = (keep: boolean): void => {
      timer?.cancel();
      if (keep) this.counters.keptBack++;
      courier?.feed({ kind: 'handled', place, keep });
    };
    timer = env.clock.at(after(env.clock.now(), letterPatience), () => done(true));
    this.#handlers.letter({ from, relay, frame, isControl, done });
  }

  #relayEmptied(relay: PublicKey): void {
    this.#emptied.add(relay);
    if (this.#emptied.size < this.#couriers.size) return;
    this.#emptied.clear();
    this.#ports.envelopes.drained();
  }

  #say(relay: PublicKey, saying: RelaySaying): void {
    const { overlay } = this.#ports;
    const payload = relayFrame(overlay.publicKey, relay, saying);
    const plain = { replyTo: null, deadlineMs: messageDeadlineMs, isPatient: true };
    overlay.send({ to: relay, topic: this.#topic, payload, ...plain });
  }
}

interface Reached {
  readonly kind: 'reached';
  readonly reachable: boolean;
}

/** Feeds one courier and its timer; events that come while one is handled wait for their turn. */
class CourierRunner {
  readonly #env: Env;
  readonly #machine: Courier;
  readonly #carryOut: (effect: CourierEffect | Reached) => void;
  readonly #timer: DeadlineTimer;
  readonly #events: CourierEvent[] = [];
  #isRunning = false;
  #isStopped = false;

  constructor(env: Env, carryOut: (effect: CourierEffect | Reached) => void) {
    this.#env = env;
    this.#carryOut = carryOut;
    this.#machine = new Courier({
      collects: () => true,
      token: () => Buffer.from(env.random.bytes(8)).toString('hex'),
      fraction: () => env.random.fraction(),
    });
    this.#timer = new DeadlineTimer(
      env.clock,
      () => this.#machine.deadline(),
      () => this.feed({ kind: 'timer' }),
    );
  }

  get reachable(): boolean {
    return this.#machine.reachable;
  }

  get canTake(): boolean {
    return this.#machine.reachable && !this.#machine.isFull;
  }

  feed(event: CourierEvent): void {
    if (this.#isStopped) return;
    this.#events.push(event);
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      const before = this.#machine.reachable;
      for (const effect of this.#machine.step(next, this.#env.clock.now())) this.#carryOut(effect);
      const reachable = this.#machine.reachable;
      if (reachable !== before) this.#carryOut({ kind: 'reached', reachable });
    }
    this.#isRunning = false;
    this.#timer.look();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer.cancel();
  }
}
