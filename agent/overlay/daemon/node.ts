import { addressOf, type Identity, subnetOf } from '#crypto';
import {
  type Address,
  type Endpoint,
  type Env,
  formatPeer,
  messageOf,
  type PeerEndpoint,
  type PublicKey,
  type Subnet,
  seconds,
} from '#kernel';
import { isPublicKey } from '../keys.ts';
import type {
  DaemonStatus,
  MessageId,
  MessageStatus,
  OutgoingMessage,
  Overlay,
  OverlayCounters,
  PeerStatus,
  RouteStatus,
} from '../types.ts';
import { Collector } from './collector.ts';
import { newCounters } from './counters.ts';
import { HttpClient } from './http/http-client.ts';
import { arrivingLength, Outbox } from './outbox.ts';
import { StockApi } from './stock-api.ts';
import { Survey } from './survey.ts';
import type { DaemonOptions } from './types.ts';
import { Watch } from './watch.ts';

/** Longer than the daemon's own work ever takes; another program's long poll may take longer. */
const requestPatience = seconds(20);
/** Keys of whom somebody here has spoken. */
const namedLimit = 10_000;

/** The node of a stock Mycelium daemon, through its HTTP API. `identity` must be the daemon's own. */
export function createDaemonOverlay(env: Env, identity: Identity, options: DaemonOptions): Overlay {
  return new DaemonOverlay(env, identity, options);
}

type RouteListener = (to: PublicKey, reachable: boolean) => void;

/** Where the daemon's watch, inbox, outbox and survey meet: it only passes on. */
class DaemonOverlay implements Overlay {
  readonly listening: readonly Endpoint[] = [];
  readonly #env: Env;
  readonly #identity: Identity;
  readonly #counters = newCounters();
  readonly #client: HttpClient;
  readonly #api: StockApi;
  readonly #watch: Watch;
  readonly #collector: Collector;
  readonly #outbox: Outbox;
  readonly #survey: Survey;
  readonly #listeners = new Set<RouteListener>();
  readonly #named = new Map<PublicKey, Subnet>();

  constructor(env: Env, identity: Identity, options: DaemonOptions) {
    this.#env = env;
    this.#identity = identity;
    this.#client = new HttpClient(env.net, env.clock, options.at, requestPatience);
    const api = new StockApi(this.#client);
    const counters = this.#counters;
    const failed = (error: unknown): void => this.#watch.failed(error);
    const isReady = (): boolean => this.#watch.isReady;
    this.#api = api;
    this.#survey = new Survey({ env, api, isReady, failed, routeChanged: (to, is) => this.#routeChanged(to, is) });
    this.#outbox = new Outbox({
      env,
      api,
      counters,
      isReady,
      failed,
      hasRoute: (subnet) => this.#survey.hasRoute(subnet),
      heardOf: (subnet) => this.#routeChanged(subnet, true),
    });
    this.#collector = new Collector({ env, api, options, counters, failed, answered: (id) => this.#outbox.idOf(id) });
    this.#watch = new Watch({
      env,
      api,
      counters,
      url: urlOf(options.at),
      publicKey: identity.publicKey,
      topics: options.topics,
      ready: (isNew) => this.#ready(isNew),
      lost: () => this.#lost(),
    });
  }

  get publicKey(): PublicKey {
    return this.#identity.publicKey;
  }

  get address(): Address {
    return this.#identity.address;
  }

  /** Rejects with `daemon/other-key`; a daemon that is not there is waited for later. */
  start(): Promise<void> {
    return this.#watch.start();
  }

  async stop(): Promise<void> {
    this.#watch.stop();
    this.#collector.stop();
    this.#survey.stop();
    this.#outbox.stop();
    this.#client.close();
  }

  send(message: OutgoingMessage): MessageId | null {
    const to = isPublicKey(message.to) ? addressOf(message.to) : message.to;
    if (isPublicKey(message.to)) this.#name(message.to);
    return this.#outbox.send(message, to, subnetOf(to));
  }

  abort(id: MessageId): void {
    this.#outbox.abort(id);
  }

  /** Stock has told the sender already, when the message was looked at. */
  markRead(): void {}

  messageStatus(id: MessageId): MessageStatus | undefined {
    return this.#outbox.status(id);
  }

  peers(): readonly PeerStatus[] {
    return this.#survey.peers;
  }

  /** The daemon is asked to, and may refuse: it takes literal addresses only. */
  addPeer(endpoint: PeerEndpoint): ReturnType<Overlay['addPeer']> {
    const text = formatPeer(endpoint);
    if (this.#survey.peers.some((peer) => peer.endpoint === text)) return 'known';
    this.#changePeers(this.#api.addPeer(text));
    return 'added';
  }

  removePeer(endpoint: PeerEndpoint): boolean {
    const text = formatPeer(endpoint);
    const isKnown = this.#survey.peers.some((peer) => peer.endpoint === text);
    if (isKnown) this.#changePeers(this.#api.removePeer(text));
    return isKnown;
  }

  routes(): readonly RouteStatus[] {
    return this.#survey.routes;
  }

  queriedSubnets(): ReturnType<Overlay['queriedSubnets']> {
    return this.#survey.queried;
  }

  keyOf(address: Address): PublicKey | undefined {
    const subnet = subnetOf(address);
    return subnet === this.#identity.subnet ? this.#identity.publicKey : this.#survey.keyOf(subnet);
  }

  /** Stock looks for a route only when it has something to send: without one, true means that it may be tried. */
  reachable(to: PublicKey): boolean {
    if (to === this.#identity.publicKey) return true;
    const subnet = this.#name(to);
    if (!this.#watch.isReady) return false;
    if (!this.#survey.hasRoute(subnet)) this.#survey.lookFor();
    return this.#outbox.isWorthTrying(subnet);
  }

  onRoute(listener: RouteListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  payloadLength(bytes: number): number {
    return arrivingLength(bytes);
  }

  daemon(): DaemonStatus {
    return this.#watch.status;
  }

  get counters(): OverlayCounters {
    return {
      ...this.#counters,
      ...this.#outbox.gauges,
      daemon_requests: this.#client.requests,
      daemon_ready: this.#watch.isReady ? 1 : 0,
    };
  }

  #name(key: PublicKey): Subnet {
    const known = this.#named.get(key);
    if (known !== undefined) return known;
    const subnet = subnetOf(addressOf(key));
    if (this.#named.size < namedLimit) this.#named.set(key, subnet);
    this.#survey.learn(subnet, key);
    return subnet;
  }

  #ready(isNew: boolean): void {
    this.#outbox.ready(isNew);
    this.#survey.start();
    this.#collector.start();
    for (const key of [...this.#named.keys()]) this.#tell(key, true);
  }

  #lost(): void {
    this.#collector.stop();
    this.#survey.stop();
    this.#client.drop();
    for (const key of [...this.#named.keys()]) this.#tell(key, false);
  }

  #routeChanged(subnet: Subnet, reachable: boolean): void {
    const key = this.#survey.keyOf(subnet);
    if (key !== undefined) this.#tell(key, reachable);
  }

  #tell(key: PublicKey, reachable: boolean): void {
    for (const listener of this.#listeners) listener(key, reachable);
  }

  #changePeers(done: Promise<void>): void {
    done.catch((error: unknown) => {
      this.#env.log.warn('daemon-refused-peer', { why: messageOf(error) });
      this.#watch.failed(error);
    });
  }
}

const urlOf = ({ host, port }: Endpoint): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
