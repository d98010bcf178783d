import type { Instant, Random, Subnet } from '#kernel';
import { instant, never } from '#kernel';
import type { Origin } from '../message/sink.ts';
import { Rate } from '../peer/rate.ts';
import type { PathCounters } from './counters.ts';
import type { Far } from './far.ts';
import type { PathOptions } from './options.ts';
import { Session } from './session.ts';
import type { PathSink } from './sink.ts';
import {
  frameType,
  type Greeting,
  greetingFrame,
  lonePacket,
  noToken,
  pathVersion,
  resetPacket,
  tokenBytes,
} from './wire.ts';

const firstHelloMs = 500;

/**
 * How two nodes come by a session.
 *
 *   near                                   far
 *    | HELLO (near's token) ----------------> |   outside any session; near answers to this token
 *    | <--------- WELCOME (far's token) ----- |   addressed to near's token: far has heard this very HELLO
 *    | whatever is to be sent --------------> |   addressed to far's token: near has heard this very WELCOME
 *    | <--------- RESET (the strange token) - |   what is addressed to a token that nobody here has drawn
 *
 * Both may say HELLO at once: each then takes the other's token from it. A session that is being agreed on replaces the
 * present one only when something has come that is addressed to its token, so a replayed HELLO or RESET ends nothing.
 */
export class Greetings {
  readonly #own: Subnet;
  readonly #options: PathOptions;
  readonly #sink: PathSink;
  readonly #random: Random;
  readonly #counters: PathCounters;
  readonly #resets: Rate;

  constructor(own: Subnet, options: PathOptions, sink: PathSink, random: Random, counters: PathCounters) {
    this.#own = own;
    this.#options = options;
    this.#sink = sink;
    this.#random = random;
    this.#counters = counters;
    this.#resets = new Rate(options.resetsPerSecond, options.resetsPerSecond * 2, instant(0));
  }

  /** Asks whether it speaks this path, unless that has been asked in vain of late. */
  ask(far: Far, now: Instant): void {
    if (far.session !== null || far.hellos > 0 || now < far.doubtUntil) return;
    this.#hello(far, now);
  }

  /** No answer to HELLO so far. False: it is believed to have none. */
  unanswered(far: Far, now: Instant): boolean {
    if (far.hellos < this.#options.hellos || !this.#sink.hasRoute(far.subnet)) {
      if (far.letters.size === 0 && !this.#sink.hasRoute(far.subnet)) this.#rest(far);
      else this.#hello(far, now);
      return true;
    }
    this.#rest(far);
    far.next = null;
    far.isCapable = false;
    const { firstDoubt, longestDoubt } = this.#options;
    far.doubtUntil = instant(now + Math.min(longestDoubt, firstDoubt * 2 ** Math.min(far.doubts++, 16)));
    return false;
  }

  /** It speaks this path. */
  hello(far: Far, greeting: Greeting): void {
    this.#counters.path_hellos_received++;
    const { session } = far;
    far.size.acceptsBytes = greeting.acceptsBytes;
    if (session !== null && session.theirs === greeting.token) return this.#welcome(far, session);
    far.next ??= new Session(this.#token(), noToken);
    far.next.theirs = greeting.token;
    this.#welcome(far, far.next);
  }

  /** Whether a greeting is what it should be: of this version, and not one of our own come back. */
  isRight({ version, subnet, token }: Greeting, from: Subnet): boolean {
    if (version === pathVersion && subnet === from && subnet !== this.#own && token !== noToken) return true;
    this.#counters.path_hellos_refused++;
    return false;
  }

  /** The session that was being agreed on is the present one. */
  established(far: Far, session: Session): void {
    this.#counters.path_sessions++;
    far.session = session;
    far.next = null;
    far.isCapable = true;
    far.doubts = 0;
    far.doubtUntil = instant(0);
    far.silences = 0;
    far.size.changed();
    this.#rest(far);
  }

  /** Something came for a token that nobody here has drawn. */
  stray(from: Origin, token: number, now: Instant): void {
    this.#counters.path_packets_stray++;
    if (!this.#resets.take(now)) return;
    this.#counters.path_resets_sent++;
    this.#sink.transmitPath(from.address, resetPacket(token), null);
  }

  #rest(far: Far): void {
    far.hellos = 0;
    far.helloAt = never;
  }

  #hello(far: Far, now: Instant): void {
    this.#counters.path_hellos_sent++;
    far.next ??= new Session(this.#token(), noToken);
    far.hellos++;
    const wait = Math.max(firstHelloMs, 3 * far.roundTrip.smoothedMs) * 2 ** Math.min(far.hellos - 1, 4);
    far.helloAt = instant(now + wait);
    const frame = greetingFrame(frameType.hello, this.#greeting(far.next));
    this.#sink.transmitPath(far.address, lonePacket(noToken, 0, frame), null);
  }

  #welcome(far: Far, session: Session): void {
    const frame = greetingFrame(frameType.welcome, this.#greeting(session));
    this.#sink.transmitPath(far.address, lonePacket(session.theirs, session.nextNumber++, frame), null);
  }

  #greeting(session: Session): Greeting {
    const { acceptsBytes } = this.#options;
    return { version: pathVersion, token: session.mine, subnet: this.#own, acceptsBytes };
  }

  #token(): number {
    for (;;) {
      const token = Buffer.from(this.#random.bytes(tokenBytes)).readUIntBE(0, tokenBytes);
      if (token !== noToken) return token;
    }
  }
}
