import type { Clock, Duration, Endpoint, Env, Instant, Listener, Net, Random, Timer } from '#kernel';
import { after, seconds } from '#kernel';
import type { PeerId } from '../router/types.ts';
import type { PeerStatus } from '../types.ts';
import { Backoff } from './backoff.ts';
import { Gate, type GateOptions } from './gate.ts';
import { defaultLinkOptions } from './link.ts';
import { defaultOutboxOptions } from './outbox.ts';
import { Peer, type PeerOptions, type PeerSink } from './peer.ts';

export interface PeersOptions {
  readonly gate: GateOptions;
  readonly connectWithin: Duration;
  /** A link that stood this long earns a quick redial. */
  readonly goodAfterMs: number;
  readonly firstPacketWithinMs: number;
}

export const defaultPeersOptions: Omit<PeersOptions, 'gate'> = {
  connectWithin: seconds(10),
  goodAfterMs: 5000,
  firstPacketWithinMs: 10_000,
};

interface Static {
  readonly endpoint: Endpoint;
  readonly backoff: Backoff;
  peer: Peer | null;
  timer: Timer | null;
}

const keyOf = ({ host, port }: Endpoint): string => `${host}|${port}`;

/** WIRE.md §4: TCP costs 10 over IPv6 and 15 over IPv4 (also when IPv4 is written as IPv6). */
const staticCostOf = (host: string): number => (host.includes(':') && !host.startsWith('::ffff:') ? 10 : 15);

/**
 * All links: static peers, dialled again for ever with back-off and jitter, and links that others open, bounded and
 * rate-limited per source.
 */
export class Peers {
  readonly #clock: Clock;
  readonly #net: Net;
  readonly #random: Random;
  readonly #options: PeersOptions;
  readonly #sink: PeerSink;
  readonly #gate: Gate;
  readonly #statics = new Map<string, Static>();
  readonly #inbound = new Set<Peer>();
  readonly #open = new Map<PeerId, Peer>();
  #listeners: Listener[] = [];
  #nextId = 1;
  #running = false;

  constructor(env: Pick<Env, 'clock' | 'net' | 'random'>, options: PeersOptions, sink: PeerSink) {
    this.#clock = env.clock;
    this.#net = env.net;
    this.#random = env.random;
    this.#options = options;
    this.#gate = new Gate(options.gate, env.clock.now());
    this.#sink = {
      ...sink,
      up: (peer) => {
        this.#open.set(peer.id, peer);
        sink.up(peer);
      },
      down: (peer, why) => {
        this.#open.delete(peer.id);
        sink.down(peer, why);
      },
    };
  }

  async start(listen: readonly Endpoint[]): Promise<void> {
    this.#running = true;
    try {
      for (const at of listen) {
        this.#listeners.push(await this.#net.listen(at, (link, from) => this.#accept(link, from)));
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
    for (const one of this.#statics.values()) this.#dial(one);
  }

  async stop(): Promise<void> {
    this.#running = false;
    for (const { timer } of this.#statics.values()) timer?.cancel();
    for (const peer of [...this.#all()]) {
      if (peer.isOpen) peer.end();
      else peer.close('stopped');
    }
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) await listener.close();
  }

  get listening(): readonly Endpoint[] {
    return this.#listeners.map(({ at }) => at);
  }

  get(id: PeerId): Peer | undefined {
    return this.#open.get(id);
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Bytes of all links that are open now. */
  get bytes(): { readonly rx: number; readonly tx: number } {
    let [rx, tx] = [0, 0];
    for (const peer of this.#open.values()) {
      rx += peer.rxBytes;
      tx += peer.txBytes;
    }
    return { rx, tx };
  }

  add(endpoint: Endpoint): void {
    if (this.#statics.has(keyOf(endpoint))) return;
    const one: Static = { endpoint, backoff: new Backoff(), peer: null, timer: null };
    this.#statics.set(keyOf(endpoint), one);
    if (this.#running) this.#dial(one);
  }

  remove(endpoint: Endpoint): boolean {
    const one = this.#statics.get(keyOf(endpoint));
    if (one === undefined) return false;
    this.#statics.delete(keyOf(endpoint));
    one.timer?.cancel();
    one.peer?.close('removed');
    return true;
  }

  status(now: Instant): readonly PeerStatus[] {
    const statics = [...this.#statics.values()].map((one) => one.peer?.status(now) ?? this.#deadStatus(one));
    return [...statics, ...[...this.#inbound].map((peer) => peer.status(now))];
  }

  *#all(): Iterable<Peer> {
    for (const { peer } of this.#statics.values()) if (peer !== null) yield peer;
    yield* this.#inbound;
  }

  #deadStatus({ endpoint }: Static): PeerStatus {
    const dead = new Peer(
      0 as PeerId,
      endpoint,
      'static',
      this.#clock,
      this.#peerOptions(endpoint),
      this.#sink,
      () => {},
    );
    return { ...dead.status(this.#clock.now()), state: 'dead' };
  }

  #peerOptions(endpoint: Endpoint): PeerOptions {
    return {
      link: { ...defaultLinkOptions, staticCost: staticCostOf(endpoint.host) },
      outbox: defaultOutboxOptions,
      firstPacketWithinMs: this.#options.firstPacketWithinMs,
    };
  }

  #make(endpoint: Endpoint, kind: PeerStatus['kind'], onClosed: (peer: Peer, cause: Error | null) => void): Peer {
    const id = this.#nextId++ as PeerId;
    const options = this.#peerOptions(endpoint);
    const peer: Peer = new Peer(id, endpoint, kind, this.#clock, options, this.#sink, (cause) => onClosed(peer, cause));
    return peer;
  }

  #dial(one: Static): void {
    one.timer = null;
    if (!this.#running) return;
    const peer = this.#make(one.endpoint, 'static', () => this.#redial(one, peer));
    one.peer = peer;
    peer.attach(this.#net.dial(one.endpoint, peer.events), false);
    one.timer = this.#clock.at(after(this.#clock.now(), this.#options.connectWithin), () => {
      one.timer = null;
      if (!peer.isOpen) peer.close('no-answer');
    });
  }

  #redial(one: Static, peer: Peer): void {
    if (one.peer !== peer) return;
    one.peer = null;
    one.timer?.cancel();
    one.timer = null;
    if (!this.#running || this.#statics.get(keyOf(one.endpoint)) !== one) return;
    if (peer.hasSpoken && peer.stoodForMs >= this.#options.goodAfterMs) one.backoff.reset();
    const wait = one.backoff.next(this.#random.fraction());
    one.timer = this.#clock.at(after(this.#clock.now(), wait), () => this.#dial(one));
  }

  #accept(link: Parameters<Peer['attach']>[0], from: Endpoint): Peer['events'] {
    const now = this.#clock.now();
    const isWelcome = this.#running && this.#gate.enter(from.host, now);
    const peer = this.#make(from, 'inbound', () => {
      if (!isWelcome) return;
      this.#gate.leave(from.host);
      this.#inbound.delete(peer);
    });
    if (!isWelcome) {
      this.#sink.count('links_refused');
      this.#clock.soon(() => link.destroy());
      return { opened: () => {}, received: () => {}, drained: () => {}, closed: () => {} };
    }
    this.#inbound.add(peer);
    peer.attach(link, false);
    this.#clock.soon(() => peer.events.opened());
    return peer.events;
  }
}
