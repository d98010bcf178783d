import type { ByteLink, Clock, Duration, Endpoint, Instant, LinkEvents, PeerEndpoint, Timer } from '#kernel';
import { after, seconds } from '#kernel';
import type { Ground, Transport } from '../transport/scheme.ts';
import { defaultGateOptions, Gate, type GateOptions } from './gate.ts';
import type { Peer } from './peer.ts';

export interface InboundOptions {
  readonly gate: GateOptions;
  /** Links that have not yet shown the network's key. */
  readonly handshakes: GateOptions;
  readonly handshakeWithin: Duration;
}

export const defaultInboundOptions: InboundOptions = {
  gate: defaultGateOptions,
  handshakes: { ...defaultGateOptions, total: 128, perSource: 8 },
  handshakeWithin: seconds(10),
};

interface Ways {
  readonly make: (endpoint: PeerEndpoint, closed: (cause: Error | null) => void) => Peer;
  readonly count: (what: string) => void;
  /** A stranger was turned away for a reason that a person may want to know. */
  readonly turnedAway: (from: PeerEndpoint, why: string) => void;
}

const deaf: LinkEvents = { opened: () => {}, received: () => {}, drained: () => {}, closed: () => {} };

/** Links that others open: bounded and rate-limited per source, and their handshakes, too. */
export class Inbound {
  readonly #clock: Clock;
  readonly #ground: Ground;
  readonly #options: InboundOptions;
  readonly #ways: Ways;
  readonly #gate: Gate;
  readonly #handshakes: Gate;
  readonly #peers = new Set<Peer>();

  constructor(clock: Clock, ground: Ground, options: InboundOptions, ways: Ways) {
    this.#clock = clock;
    this.#ground = ground;
    this.#options = options;
    this.#ways = ways;
    this.#gate = new Gate(options.gate, clock.now());
    this.#handshakes = new Gate(options.handshakes, clock.now());
  }

  get peers(): Iterable<Peer> {
    return this.#peers;
  }

  /** A link from that host stands. */
  has(host: string): boolean {
    for (const { endpoint, isOpen } of this.#peers) if (isOpen && endpoint.host === host) return true;
    return false;
  }

  accept(transport: Transport, link: ByteLink, from: Endpoint, isRunning: boolean): LinkEvents {
    const now = this.#clock.now();
    if (!isRunning || !this.#gate.enter(from.host, now)) return this.#refuse(link, 'links_refused');
    const isShaking = transport.scheme !== 'tcp';
    if (isShaking && !this.#handshakes.enter(from.host, now)) {
      this.#gate.leave(from.host);
      return this.#refuse(link, 'handshakes_refused');
    }
    return this.#take(transport, link, { ...from, scheme: transport.scheme }, isShaking);
  }

  #refuse(link: ByteLink, counter: string): LinkEvents {
    this.#ways.count(counter);
    this.#clock.soon(() => link.destroy());
    return deaf;
  }

  #take(transport: Transport, link: ByteLink, from: PeerEndpoint, isShaking: boolean): LinkEvents {
    const shaken = isShaking ? this.#bound(from, () => peer.close('no-handshake')) : () => false;
    const peer = this.#ways.make(from, (cause) => {
      if (shaken() && cause !== null) this.#ways.turnedAway(from, cause.message);
      this.#gate.leave(from.host);
      this.#peers.delete(peer);
    });
    this.#peers.add(peer);
    const events: LinkEvents = {
      ...peer.events,
      opened: () => {
        shaken();
        peer.events.opened();
      },
    };
    peer.attach(transport.accept(this.#ground, link, events), false);
    return events;
  }

  /** Ends a handshake that does not end. What it returns says that it is over, and the first time that it was not yet. */
  #bound({ host }: PeerEndpoint, expired: () => void): () => boolean {
    const { handshakeWithin } = this.#options;
    let timer: Timer | null = this.#clock.at(this.#expiry(handshakeWithin), () => {
      this.#ways.count('handshakes_timed_out');
      expired();
    });
    return () => {
      if (timer === null) return false;
      timer.cancel();
      timer = null;
      this.#handshakes.leave(host);
      return true;
    };
  }

  #expiry(within: Duration): Instant {
    return after(this.#clock.now(), within);
  }
}
