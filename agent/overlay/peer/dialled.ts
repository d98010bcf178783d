import {
  after,
  type Clock,
  type Duration,
  formatPeer,
  formatProxy,
  type Instant,
  instant,
  milliseconds,
  type PeerEndpoint,
  type Random,
  type Timer,
} from '#kernel';
import type { PeerStatus } from '../types.ts';
import { Backoff, neighbourLadder, patientLadder } from './backoff.ts';
import type { Peer } from './peer.ts';

/** What a remembered peer needs to be dialled. */
export interface Dialling {
  readonly clock: Clock;
  readonly random: Pick<Random, 'fraction'>;
  /** The whole way: name lookup, TCP, proxy, TLS. */
  readonly connectWithin: Duration;
  readonly goodAfterMs: number;
  /** Makes a peer and begins to connect it. */
  readonly open: (one: Dialled, closed: (cause: Error | null) => void) => Peer;
  /** It cannot be reached for this reason, which is another one than last time. */
  readonly unreachable: (one: Dialled, why: string) => void;
  /** It has failed this often since it last stood. */
  readonly failed: (one: Dialled) => void;
}

/** Between two attempts to hurry. */
const hurryEveryMs = 1_000;

/**
 * A peer that this node remembers and dials again for ever, until it is told to stop. States: idle → dialling → open →
 * waiting → dialling …
 */
export class Dialled {
  readonly kind: 'static' | 'link-local';
  readonly endpoint: PeerEndpoint;
  readonly #dialling: Dialling;
  readonly #backoff: Backoff;
  #peer: Peer | null = null;
  #isRunning = false;
  /** While dialling: when it is given up; while waiting: when it is tried again. */
  #timer: Timer | null = null;
  #dialledAt: Instant = instant(Number.NEGATIVE_INFINITY);
  /** Failed attempts since it last stood. */
  failures = 0;
  #why: string | null = null;

  constructor(kind: Dialled['kind'], endpoint: PeerEndpoint, dialling: Dialling) {
    this.kind = kind;
    this.endpoint = endpoint;
    this.#dialling = dialling;
    this.#backoff = new Backoff(kind === 'static' ? patientLadder : neighbourLadder);
  }

  get peer(): Peer | null {
    return this.#peer;
  }

  get isOpen(): boolean {
    return this.#peer?.isOpen === true;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#dial();
  }

  /** `end`: what is gathered is still sent. */
  stop(how: 'end' | 'removed'): void {
    this.#isRunning = false;
    this.#setTimer(null);
    if (this.#peer?.isOpen === true && how === 'end') this.#peer.end();
    else this.#peer?.close(how === 'end' ? 'stopped' : how);
  }

  /** The network may have come back: no use in waiting the back-off out, or for an answer to what was asked before. */
  hurry(): void {
    const now = this.#dialling.clock.now();
    if (!this.#isRunning || this.isOpen || now - this.#dialledAt < hurryEveryMs) return;
    if (this.#peer === null) this.#dial();
    else this.#peer.close(askedAnew);
  }

  status(now: Instant): PeerStatus {
    const { proxy } = this.endpoint;
    const via = proxy === null || proxy === undefined ? null : formatProxy(proxy);
    const story = this.isOpen ? { via, failures: 0, why: null } : { via, failures: this.failures, why: this.#why };
    if (this.#peer !== null) return { ...this.#peer.status(now), ...story };
    return { ...nothingYet, endpoint: formatPeer(this.endpoint), kind: this.kind, ...story };
  }

  #dial(): void {
    const { clock, connectWithin, open } = this.#dialling;
    this.#setTimer(null);
    this.#dialledAt = clock.now();
    const peer = open(this, (cause) => this.#closed(peer, cause));
    this.#peer = peer;
    this.#setTimer(connectWithin, () => {
      if (!peer.isOpen) peer.close('no-answer');
    });
  }

  #closed(peer: Peer, cause: Error | null): void {
    if (this.#peer !== peer) return;
    this.#peer = null;
    this.#setTimer(null);
    if (peer.why === askedAnew) return this.#again(soon);
    const hasStood = peer.hasSpoken;
    const isGood = hasStood && peer.stoodForMs >= this.#dialling.goodAfterMs;
    if (isGood) this.#backoff.reset();
    if (hasStood) this.failures = 0;
    else this.failures++;
    if (!this.#isRunning) return;
    this.#tell(cause?.message ?? words[peer.why] ?? peer.why, hasStood);
    if (!hasStood) this.#dialling.failed(this);
    this.#again(this.#backoff.next(this.#dialling.random.fraction()));
  }

  #again(wait: Duration): void {
    if (this.#isRunning) this.#setTimer(wait, () => this.#dial());
  }

  /** Once for each reason, not once for each attempt. */
  #tell(why: string, hasStood: boolean): void {
    const isNews = why !== this.#why;
    this.#why = why;
    if (isNews && !hasStood) this.#dialling.unreachable(this, why);
  }

  #setTimer(wait: Duration | null, run: () => void = () => {}): void {
    this.#timer?.cancel();
    const { clock } = this.#dialling;
    this.#timer = wait === null ? null : clock.at(after(clock.now(), wait), run);
  }
}

const soon = milliseconds(0);
const askedAnew = 'asked-anew';

/** Why a link ended, where its own end has no words for people. */
const words: Readonly<Record<string, string>> = {
  'no-answer': 'no answer in 10 s',
  'no-packet': 'found no Mycelium node: nothing came in 10 s',
  'no-ihu': 'its Hellos were not answered any more',
  silent: 'it fell silent',
  'does-not-read': 'it reads nothing any more',
  closed: 'the far side closed the link',
};

const nothingYet = {
  state: 'dead',
  linkCost: 0xffff,
  roundTripMs: null,
  rxBytes: 0,
  txBytes: 0,
  connectedForMs: null,
} as const;
