import {
  type Clock,
  type Duration,
  type Endpoint,
  type Env,
  formatPeer,
  type Instant,
  type Listener,
  type PeerEndpoint,
  type ProxyServer,
  seconds,
} from '#kernel';
import type { PeerId } from '../router/types.ts';
import { settledScheme, transportFor } from '../transport/registry.ts';
import type { Ground, Transport } from '../transport/scheme.ts';
import type { PeerStatus } from '../types.ts';
import { Dialled, type Dialling } from './dialled.ts';
import { defaultInboundOptions, Inbound, type InboundOptions } from './inbound.ts';
import { defaultLinkOptions } from './link.ts';
import { NetworkWatch } from './network-watch.ts';
import { defaultOutboxOptions } from './outbox.ts';
import { Peer, type PeerOptions, type PeerSink } from './peer.ts';
import { Rate } from './rate.ts';
import { Slabs } from './slabs.ts';

export interface PeersOptions {
  readonly inbound: InboundOptions;
  /** For links whose endpoint does not say otherwise. */
  readonly proxy: ProxyServer | null;
  readonly connectWithin: Duration;
  /** A link that stood this long earns a quick redial. */
  readonly goodAfterMs: number;
  readonly firstPacketWithinMs: number;
  readonly statics: number;
  readonly linkLocals: number;
  /** A neighbour that was found is forgotten after this many failures in a row. WIRE.md §2. */
  readonly linkLocalFailures: number;
}

export const defaultPeersOptions: PeersOptions = {
  inbound: defaultInboundOptions,
  proxy: null,
  connectWithin: seconds(10),
  goodAfterMs: 5000,
  firstPacketWithinMs: 10_000,
  statics: 1024,
  linkLocals: 64,
  linkLocalFailures: 3,
};

/** What the collection of peers tells beside what each peer does. */
export interface PeersSink extends PeerSink {
  /** A peer of ours cannot be reached, for a new reason. */
  unreachable(endpoint: PeerEndpoint, why: string): void;
  /** A stranger was turned away. Rarely enough for a log. */
  turnedAway(from: PeerEndpoint, why: string): void;
}

export type Added = 'added' | 'known' | 'full' | 'no-network';

/**
 * All links: static peers and found neighbours, dialled again with back-off and jitter, and links that others open,
 * bounded and rate-limited per source.
 */
export class Peers {
  readonly #clock: Clock;
  readonly #ground: Ground;
  readonly #options: PeersOptions;
  readonly #sink: PeersSink;
  readonly #dialling: Dialling;
  readonly #dialled = new Map<string, Dialled>();
  readonly #inbound: Inbound;
  readonly #watch: NetworkWatch;
  readonly #open = new Map<PeerId, Peer>();
  readonly #turnedAwayRate: Rate;
  readonly #slabs = new Slabs();
  /** What links have gathered and not yet written. */
  #planned: (() => void)[] = [];
  #listeners: Listener[] = [];
  #nextId = 1;
  #running = false;

  constructor(
    env: Pick<Env, 'clock' | 'net' | 'random'>,
    network: Ground['network'],
    options: PeersOptions,
    sink: PeersSink,
  ) {
    this.#clock = env.clock;
    this.#ground = { net: env.net, clock: env.clock, network };
    this.#options = options;
    this.#turnedAwayRate = new Rate(1 / 60, 5, env.clock.now());
    this.#sink = {
      ...sink,
      up: (peer) => this.#up(peer, sink),
      down: (peer, why) => {
        this.#open.delete(peer.id);
        sink.down(peer, why);
        if (peer.kind !== 'inbound') this.#watch.hasten();
      },
    };
    const { connectWithin, goodAfterMs } = options;
    this.#dialling = {
      clock: env.clock,
      random: env.random,
      connectWithin,
      goodAfterMs,
      open: (one, closed) => this.#connect(one, closed),
      unreachable: ({ endpoint }, why) => sink.unreachable(endpoint, why),
      failed: (one) => this.#failed(one),
    };
    this.#inbound = new Inbound(env.clock, this.#ground, options.inbound, {
      make: (from, closed) => this.#make(from, 'inbound', closed),
      count: sink.count,
      turnedAway: (from, why) => this.#turnedAway(from, why),
    });
    this.#watch = new NetworkWatch(
      env,
      () => [...this.#dialled.values()].some(({ isOpen }) => !isOpen),
      () => this.#hurry(),
    );
  }

  async start(listen: readonly PeerEndpoint[]): Promise<void> {
    this.#running = true;
    try {
      for (const at of listen) this.#listeners.push(await this.#listen(at));
    } catch (error) {
      await this.stop();
      throw error;
    }
    for (const one of this.#dialled.values()) one.start();
    this.#watch.start();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#watch.stop();
    for (const one of this.#dialled.values()) one.stop('end');
    for (const peer of [...this.#inbound.peers]) {
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

  /** Writes what the links have gathered; else that happens at the end of the tick. */
  flush(): void {
    const planned = this.#planned;
    this.#planned = [];
    for (const run of planned) run();
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

  add(endpoint: PeerEndpoint): Added {
    return this.#remember('static', this.#settled(endpoint, this.#options.proxy), this.#options.statics);
  }

  /** A neighbour on the local network. Proxies do not lead there. */
  addLinkLocal(at: Endpoint): Added {
    return this.#remember('link-local', this.#settled({ ...at, proxy: null }, null), this.#options.linkLocals);
  }

  /** Links with a neighbour, by who began them. */
  linksWith(host: string): { readonly dialled: boolean; readonly inbound: boolean } {
    const ours = [...this.#dialled.values()];
    const dialled = ours.some(({ endpoint, kind }) => kind === 'link-local' && endpoint.host === host);
    return { dialled, inbound: this.#inbound.has(host) };
  }

  dropLinkLocal(at: Endpoint): void {
    const one = this.#dialled.get(formatPeer(this.#settled(at, null)));
    if (one?.kind === 'link-local') this.remove(at);
  }

  remove(endpoint: PeerEndpoint): boolean {
    const key = formatPeer(this.#settled(endpoint, null));
    const one = this.#dialled.get(key);
    if (one === undefined) return false;
    this.#dialled.delete(key);
    one.stop('removed');
    return true;
  }

  status(now: Instant): readonly PeerStatus[] {
    const ours = [...this.#dialled.values()].map((one) => one.status(now));
    return [...ours, ...[...this.#inbound.peers].map((peer) => peer.status(now))];
  }

  #soon(run: () => void): void {
    if (this.#planned.push(run) === 1) this.#clock.soon(() => this.flush());
  }

  #settled(endpoint: PeerEndpoint, proxy: ProxyServer | null): PeerEndpoint {
    const scheme = settledScheme(endpoint, this.#ground.network);
    return { ...endpoint, scheme, proxy: endpoint.proxy === undefined ? proxy : endpoint.proxy };
  }

  #remember(kind: Dialled['kind'], endpoint: PeerEndpoint, limit: number): Added {
    const key = formatPeer(endpoint);
    if (this.#dialled.has(key)) return 'known';
    if (this.#transport(endpoint) === null) return 'no-network';
    if ([...this.#dialled.values()].filter((one) => one.kind === kind).length >= limit) return 'full';
    const one = new Dialled(kind, endpoint, this.#dialling);
    this.#dialled.set(key, one);
    if (this.#running) one.start();
    return 'added';
  }

  #transport({ scheme }: PeerEndpoint): Transport | null {
    return transportFor(scheme ?? 'tcp', this.#ground.network);
  }

  #listen(at: PeerEndpoint): Promise<Listener> {
    const transport = this.#transport(this.#settled(at, null));
    if (transport === null) throw new Error('bug: tls:// without a private network');
    return this.#ground.net.listen(at, (link, from) => this.#inbound.accept(transport, link, from, this.#running));
  }

  #make(endpoint: PeerEndpoint, kind: PeerStatus['kind'], closed: (cause: Error | null) => void): Peer {
    const staticCost = this.#transport(endpoint)?.staticCost(endpoint.host) ?? 0;
    const options: PeerOptions = {
      link: { ...defaultLinkOptions, staticCost },
      outbox: defaultOutboxOptions,
      slabs: this.#slabs,
      soon: (run) => this.#soon(run),
      firstPacketWithinMs: this.#options.firstPacketWithinMs,
    };
    return new Peer(this.#nextId++ as PeerId, endpoint, kind, this.#clock, options, this.#sink, closed);
  }

  #connect({ endpoint, kind }: Dialled, closed: (cause: Error | null) => void): Peer {
    const peer = this.#make(endpoint, kind, closed);
    const link = this.#transport(endpoint)?.dial(this.#ground, endpoint, endpoint.proxy ?? null, peer.events);
    if (link !== undefined) peer.attach(link, false);
    return peer;
  }

  /** The first link of ours that stands again says that the others may, too. */
  #up(peer: Peer, sink: PeersSink): void {
    const isFirst = peer.kind !== 'inbound' && ![...this.#open.values()].some(({ kind }) => kind !== 'inbound');
    this.#open.set(peer.id, peer);
    sink.up(peer);
    if (isFirst) this.#clock.soon(() => this.#hurryWaiting());
  }

  #hurryWaiting(): void {
    for (const one of this.#dialled.values()) one.hurry();
  }

  /** This machine's addresses have changed: what stands may have lost its way, what waits may have found one. */
  #hurry(): void {
    this.#sink.count('network_changes');
    for (const peer of this.#open.values()) peer.doubt();
    this.#hurryWaiting();
  }

  #failed(one: Dialled): void {
    if (one.kind !== 'link-local' || one.failures < this.#options.linkLocalFailures) return;
    this.#sink.count('neighbours_forgotten');
    this.remove(one.endpoint);
  }

  #turnedAway(from: PeerEndpoint, why: string): void {
    this.#sink.count('handshakes_failed');
    if (this.#turnedAwayRate.take(this.#clock.now())) this.#sink.turnedAway(from, why);
  }
}
