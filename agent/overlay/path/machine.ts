import { subnetOf } from '#crypto';
import type { Address, Instant, PublicKey, Random, Subnet } from '#kernel';
import { bufferOver, instant, never } from '#kernel';
import type { MessageOptions } from '../message/options.ts';
import type { Shared } from '../message/shared.ts';
import type { Origin } from '../message/sink.ts';
import type { MessageId, OutgoingMessage } from '../types.ts';
import { newPathCounters, type PathCounters } from './counters.ts';
import type { Far } from './far.ts';
import { Fars } from './fars.ts';
import { Greetings } from './greeting.ts';
import { Intake } from './intake.ts';
import type { Letter } from './letter.ts';
import { Letters } from './letters.ts';
import { defaultPathOptions, type PathOptions } from './options.ts';
import { Receipts } from './receipts.ts';
import { Sending } from './sending.ts';
import type { Session } from './session.ts';
import type { PathSink } from './sink.ts';
import type { Spans } from './spans.ts';
import {
  aboutFrame,
  eachFrame,
  elicitsAck,
  type FrameSink,
  frameType,
  type Greeting,
  headBytes,
  noToken,
  numberOf,
  type Part,
  tokenOf,
} from './wire.ts';

/** The packet that is being read. */
interface Reading {
  readonly far: Far;
  readonly session: Session;
  readonly from: Origin;
  readonly toAddress: Address;
  readonly now: Instant;
}

/**
 * The better path between nodes of ours (FORMAT.md), without clock, socket or crypto. Call `tick` no later than `deadline`,
 * `flush` soon after the sink's `gathering`, and read `deadline` again after every call.
 *
 * - Nothing is sent inside `send` and `packet`: what belongs to one tick goes out together, in `flush` or `release`.
 * - A packet is acknowledged when it was understood; a message is `received` when its receiver says so.
 * - Without anything under way there is no timer and no traffic.
 */
export class PathMachine {
  readonly counters: PathCounters = newPathCounters();
  readonly letters: Letters;
  readonly #options: PathOptions;
  readonly #sink: PathSink;
  readonly #fars: Fars;
  readonly #greetings: Greetings;
  readonly #intake: Intake;
  readonly #receipts: Receipts;
  readonly #sending: Sending;
  readonly #frames: FrameSink;
  readonly #dirty = new Set<Far>();
  /** Those that wait for something. */
  readonly #active = new Set<Far>();
  #reading: Reading | null = null;
  #isRight = true;
  #isUrgent = false;
  #isHolding = false;
  #isPlanned = false;
  #wakeAt: Instant = never;
  #now: Instant = instant(0);

  constructor(
    own: Subnet,
    options: { readonly path: Partial<PathOptions>; readonly message: MessageOptions },
    shared: Shared,
    sink: PathSink,
    random: Random,
  ) {
    this.#options = { ...defaultPathOptions, ...options.path };
    this.#sink = sink;
    this.#fars = new Fars(this.#options);
    this.letters = new Letters(options.message, this.#options, shared, this.#fars, random);
    this.#greetings = new Greetings(own, this.#options, sink, random, this.counters);
    this.#intake = new Intake(options.message, shared, sink, this.counters);
    this.#receipts = new Receipts(this.counters, (at) => this.letters.lookBy(at));
    this.#sending = new Sending(this.#options, sink, this.counters);
    this.#frames = this.#frameSink();
  }

  get bytesUnderWay(): number {
    let bytes = 0;
    for (const far of this.#fars.all()) bytes += far.window.usedBytes;
    return bytes;
  }

  get destinations(): number {
    return this.#fars.count;
  }

  /** Whether messages to that key go this way now, or wait for it: it has spoken this path. */
  carries(key: PublicKey): boolean {
    return this.#fars.known(key)?.isCapable ?? false;
  }

  /** Only where `carries`; room for it has been found. */
  send(id: MessageId, message: OutgoingMessage, key: PublicKey, to: Address, now: Instant): void {
    const far = this.#fars.of(key, to, now);
    if (far === null) return;
    far.usedAt = now;
    far.address = to;
    this.letters.add(id, message, far, to, now);
    this.counters.path_messages_sent++;
    this.#greetings.ask(far, now);
    this.#stir(far);
  }

  /** Something has been sent to that key in another form: does it speak this path? */
  ask(key: PublicKey, to: Address, now: Instant): void {
    const far = this.#fars.of(key, to, now);
    if (far === null) return;
    far.usedAt = now;
    this.#greetings.ask(far, now);
    this.#stir(far);
  }

  abort(letter: Letter, now: Instant): void {
    this.letters.giveUp(letter, now);
    const far = this.#fars.known(letter.key);
    if (far !== undefined) this.#stir(far);
  }

  /** False: there is no session to say it in. */
  sendRead(key: PublicKey, id: MessageId): boolean {
    const far = this.#fars.known(key);
    if (far === undefined || far.session === null) return false;
    far.controls.push(aboutFrame(frameType.read, Buffer.from(id, 'hex')));
    this.#stir(far);
    return true;
  }

  /** One opened path packet, only lent. Never throws on what a stranger can send. */
  packet(from: Origin, toAddress: Address, body: Uint8Array, now: Instant): void {
    const packet = bufferOver(body);
    this.counters.path_packets_received++;
    this.#now = now;
    if (packet.length < headBytes) this.counters.path_packets_malformed++;
    else if (tokenOf(packet) === noToken) this.#outside(from, packet, now);
    else this.#inside(from, toAddress, packet, now);
  }

  /** A route to that subnet has come, or changed. */
  routeFound(subnet: Subnet, now: Instant): void {
    for (const far of this.#fars.all()) {
      if (far.subnet !== subnet) continue;
      far.doubtUntil = instant(0);
      far.roundTrip.changed();
      far.window.changed();
      if (!this.#active.has(far)) continue;
      if (far.hellos > 0) far.helloAt = now;
      else if (far.session !== null && far.silences > 0) {
        far.silences = 0;
        this.#receipts.again(far, far.session, now);
      }
      this.#stir(far);
    }
  }

  hold(): void {
    this.#isHolding = true;
  }

  release(now: Instant): void {
    this.#isHolding = false;
    this.flush(now);
  }

  /** A link has room again. */
  drained(now: Instant): void {
    for (const far of this.#sending.waiting) this.#dirty.add(far);
    this.#sending.waiting.clear();
    this.flush(now);
  }

  /** Sends what this tick has brought about. */
  flush(now: Instant): void {
    this.#isPlanned = false;
    for (const far of this.#dirty) {
      this.#dirty.delete(far);
      this.#pump(far, now);
    }
  }

  tick(now: Instant): void {
    this.letters.tick(now, (far) => this.#dirty.add(far));
    if (now >= this.#wakeAt) {
      this.#wakeAt = never;
      for (const far of this.#active) this.#look(far, now);
    }
    this.flush(now);
  }

  /** No later than the next thing to do; may be too early, never too late. */
  deadline(): Instant {
    return instant(Math.min(this.#wakeAt, this.letters.deadline()));
  }

  #stir(far: Far): void {
    this.#active.add(far);
    this.#dirty.add(far);
    if (this.#isHolding || this.#isPlanned) return;
    this.#isPlanned = true;
    this.#sink.gathering();
  }

  #pump(far: Far, now: Instant): void {
    if (far.session !== null && far.session.nextNumber >= this.#options.numbers) {
      this.#drop(far);
      this.#greetings.ask(far, now);
    }
    this.#sending.pump(far, now);
    const deadline = far.deadline();
    if (deadline === never && far.isIdle) this.#active.delete(far);
    else if (deadline < this.#wakeAt) this.#wakeAt = deadline;
  }

  #look(far: Far, now: Instant): void {
    const { session } = far;
    if (session !== null) {
      if (far.lostAt(session) <= now) this.#receipts.overtaken(far, session, now);
      if (far.probeAt(session) <= now) this.#silent(far, session, now);
    }
    if (far.helloAt <= now && !this.#greetings.unanswered(far, now)) this.#handOver(far);
    this.#dirty.delete(far);
    this.#pump(far, now);
  }

  #silent(far: Far, session: Session, now: Instant): void {
    const { silences } = this.#options;
    const hasRoute = this.#sink.hasRoute(far.subnet);
    if (hasRoute && far.silences + 1 >= silences) return this.#handOver(far);
    this.#receipts.silent(far, session, now);
    if (hasRoute) this.#sink.waitedInVain(far.subnet, far.silences);
    else far.silences = Math.min(far.silences, silences - 2);
  }

  /** There is a route and no answer: its messages go on in the other form, and it has to show itself again. */
  #handOver(far: Far): void {
    this.#drop(far);
    far.isCapable = false;
    for (const letter of this.letters.takeAll(far)) {
      this.counters.path_messages_handed_over++;
      this.#sink.handOver(letter);
    }
  }

  /** Ends the present session. What was to be said in it and is not about its packets is said in the next. */
  #drop(far: Far): void {
    const { session } = far;
    if (session === null) return;
    far.session = null;
    for (const { bytes, controls } of session.sent.takeAll()) {
      far.window.giveBack(bytes);
      far.controls.push(...controls);
    }
    far.states.length = 0;
    this.letters.restartAll(far);
  }

  #establish(far: Far, session: Session): void {
    this.#drop(far);
    this.#greetings.established(far, session);
    this.#sink.found(far.subnet);
    this.#stir(far);
  }

  #inside(from: Origin, toAddress: Address, packet: Buffer, now: Instant): void {
    const far = this.#fars.known(from.key);
    const token = tokenOf(packet);
    const session = far?.sessionOf(token) ?? null;
    if (far === undefined || session === null) return this.#greetings.stray(from, token, now);
    far.usedAt = now;
    far.address = from.address;
    const number = numberOf(packet);
    if (!session.isNew(number)) {
      this.counters.path_packets_twice++;
      if (session === far.session && elicitsAck(packet)) this.#due(far, session, packet.length, true, now);
      return;
    }
    const elicits = this.#read({ far, session, from, toAddress, now }, packet);
    if (elicits === null) return;
    if (session === far.next && session.theirs !== noToken) this.#establish(far, session);
    const isNext = session.hear(number, now);
    if (elicits) this.#due(far, session, packet.length, this.#isUrgent || !isNext, now);
    this.#stir(far);
  }

  /** Null: it is not what it should be. */
  #read(reading: Reading, packet: Buffer): boolean | null {
    this.#reading = reading;
    this.#isRight = true;
    this.#isUrgent = false;
    const elicits = eachFrame(packet, this.#frames);
    this.#reading = null;
    if (elicits !== null && this.#isRight) return elicits;
    this.counters.path_packets_malformed++;
    return null;
  }

  /** An acknowledgement is due: at once, or when it has company, or in a while. */
  #due(far: Far, session: Session, bytes: number, isUrgent: boolean, now: Instant): void {
    session.due(bytes, isUrgent, this.#options, now);
    this.#stir(far);
  }

  /** HELLO and RESET; nothing else counts without a session. */
  #outside(from: Origin, packet: Buffer, now: Instant): void {
    let isKnown = false;
    const none = (): undefined => undefined;
    const frames = {
      ...{ ack: none, welcome: none, ask: none, abort: none, read: none, state: none, part: none },
      hello: (greeting: Greeting) => {
        isKnown = true;
        this.#helloReceived(from, greeting, now);
      },
      reset: (token: number) => {
        isKnown = true;
        this.#resetReceived(from, token, now);
      },
    };
    if (eachFrame(packet, frames) === null || !isKnown) this.counters.path_packets_malformed++;
  }

  #helloReceived(from: Origin, greeting: Greeting, now: Instant): void {
    if (!this.#greetings.isRight(greeting, subnetOf(from.address))) return;
    const far = this.#fars.of(from.key, from.address, now);
    if (far === null) {
      this.counters.path_hellos_refused++;
      return;
    }
    far.address = from.address;
    this.#greetings.hello(far, greeting);
  }

  #resetReceived(from: Origin, token: number, now: Instant): void {
    const far = this.#fars.known(from.key);
    if (far === undefined || far.session === null || far.session.theirs !== token) return;
    this.counters.path_resets_received++;
    this.#drop(far);
    if (far.letters.size > 0 || far.controls.length > 0) this.#greetings.ask(far, now);
    this.#stir(far);
  }

  /** The frames of a session's packet, as they are read. */
  #frameSink(): FrameSink {
    const of = (): Reading => this.#reading as Reading;
    return {
      ack: (numbers: Spans, delayMs) => {
        const { far, session, now } = of();
        if (!this.#receipts.ack(far, session, numbers, delayMs, now)) this.#isRight = false;
      },
      hello: () => {
        this.#isUrgent = true;
      },
      welcome: (greeting) => this.#welcomed(of(), greeting),
      reset: () => undefined,
      ask: (tag, id, isReply) => {
        const { far, from } = of();
        this.#isUrgent = true;
        this.#intake.ask(tag, id, isReply, from, (code, about) => this.#answer(far, code, about));
      },
      abort: (id) => this.#intake.abort(id, of().from),
      read: (id) => {
        const { far, from, now } = of();
        if (!this.letters.read(id, far, now)) this.#sink.read(id, from);
      },
      state: (code, tag) => this.letters.told(of().far, code, tag, of().now),
      part: (part) => this.#part(of(), part),
    };
  }

  #welcomed({ far, session, from }: Reading, greeting: Greeting): void {
    this.#isUrgent = true;
    if (!this.#greetings.isRight(greeting, subnetOf(from.address))) {
      this.#isRight = false;
      return;
    }
    session.theirs = greeting.token;
    far.size.acceptsBytes = greeting.acceptsBytes;
  }

  #part({ far, from, toAddress, now }: Reading, part: Part): void {
    if (!part.isPatient) this.#isUrgent = true;
    this.#intake.part(part, from, toAddress, now, (code, tag) => this.#answer(far, code, tag));
  }

  /** Inside a packet it goes with its acknowledgement; later, when something was made durable, at once. */
  #answer(far: Far, code: number, tag: number): void {
    far.tell(code, tag);
    if (this.#reading !== null || far.session === null) return;
    far.session.ackAt = this.#now;
    this.#stir(far);
  }
}
