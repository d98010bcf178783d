import { type Identity, prepareBlake3, subnetOf } from '#crypto';
import {
  type Address,
  type Endpoint,
  type Env,
  formatPeer,
  hexOf,
  type Instant,
  messageOf,
  type PeerEndpoint,
  type PublicKey,
  type Subnet,
} from '#kernel';
import { Alarm } from './alarm.ts';
import { Counts } from './counts.ts';
import { Exchange } from './exchange.ts';
import { isPublicKey, Keys } from './keys.ts';
import { type Discovery, startDiscovery } from './peer/discovery.ts';
import type { Peer } from './peer/peer.ts';
import { defaultPeersOptions, Peers } from './peer/peers.ts';
import { RouterMachine } from './router/router.ts';
import { defaultRouterOptions, type RouterId } from './router/types.ts';
import { type RouteListener, Routing } from './routing.ts';
import { queriedStatuses, routeStatuses } from './seeing/route-view.ts';
import { NodeSight } from './seeing/sight.ts';
import { traceWays } from './seeing/ways.ts';
import { type Deliveries, Traffic, type Ways } from './traffic.ts';
import type {
  MessageId,
  MessageStatus,
  OutgoingMessage,
  Overlay,
  OverlayCounters,
  OverlayOptions,
  PeerStatus,
  RouteStatus,
} from './types.ts';
import { plaintextKind } from './wire/data.ts';

const routerIdRandomBytes = 6;

/** A Mycelium node (WIRE.md) of the given identity. Nothing happens before `start`. */
export function createOverlay(env: Env, identity: Identity, options: OverlayOptions): Overlay {
  return new OverlayNode(env, identity, options);
}

/** Where links, router, data path and messages meet: it only passes on. */
class OverlayNode implements Overlay {
  readonly #env: Env;
  readonly #identity: Identity;
  readonly #options: OverlayOptions;
  readonly #counts = new Counts();
  readonly #keys: Keys;
  readonly #peers: Peers;
  readonly #routerId: RouterId;
  #discovery: Discovery | null = null;
  readonly #routing: Routing;
  readonly #traffic: Traffic;
  readonly #trafficAlarm: Alarm;
  readonly #messages: Exchange;
  readonly #messageAlarm: Alarm;
  readonly sight: NodeSight;
  #running = false;

  constructor(env: Env, identity: Identity, options: OverlayOptions) {
    const { clock, random } = env;
    const now = clock.now();
    this.#env = env;
    this.#identity = identity;
    this.#options = options;
    this.#keys = new Keys(identity);
    this.#routerId = `${identity.publicKey}0000${hexOf(random.bytes(routerIdRandomBytes))}` as unknown as RouterId;
    this.#routing = this.#makeRouting(now);
    this.#traffic = this.#makeTraffic(now);
    this.#trafficAlarm = new Alarm(clock, (at) => {
      this.#traffic.sweep(at);
      this.#trafficAlarm.set(this.#traffic.deadline());
    });
    const ways = traceWays(clock, identity, this.#keys, this.#routing, () => this.#peers);
    this.sight = new NodeSight(env, this.#counts, ways);
    this.#peers = this.#makePeers();
    this.#messages = this.#makeExchange();
    this.#messageAlarm = new Alarm(clock, (at) => {
      this.#messages.tick(at);
      this.#messageAlarm.set(this.#messages.deadline());
    });
    for (const endpoint of options.peers) this.#peers.add(endpoint);
  }

  get publicKey(): PublicKey {
    return this.#identity.publicKey;
  }

  get address(): Address {
    return this.#identity.address;
  }

  get listening(): readonly Endpoint[] {
    return this.#peers.listening;
  }

  async start(): Promise<void> {
    // Not awaited: it changes no result, and nothing simulated may wait for the real machine.
    prepareBlake3().catch((error) => this.#env.log.warn('blake3-stays-portable', { cause: messageOf(error) }));
    this.#running = true;
    this.#routing.start();
    this.#traffic.start(this.#now());
    this.#trafficAlarm.set(this.#traffic.deadline());
    try {
      await this.#peers.start(this.#options.listen);
      this.#discovery = startDiscovery(
        this.#env,
        this.#options.discovery ?? false,
        this.#routerId,
        this.#peers,
        (what) => this.#counts.add(what),
      );
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#messages.close(this.#now());
    this.sight.stop();
    this.#traffic.stop(this.#now());
    this.#running = false;
    this.#routing.stop();
    for (const alarm of [this.#trafficAlarm, this.#messageAlarm]) alarm.stop();
    await this.#discovery?.stop();
    await this.#peers.stop();
  }

  send(message: OutgoingMessage): MessageId | null {
    const to = isPublicKey(message.to) ? this.#keys.name(message.to) : message.to;
    const id = this.#messages.send(message, to, this.#now());
    this.#messageAlarm.set(this.#messages.deadline());
    return id;
  }

  abort(id: MessageId): void {
    this.#messages.abort(id, this.#now());
  }

  markRead(id: MessageId, from?: Address): void {
    this.#messages.markRead(id, this.#now(), from);
  }

  messageStatus(id: MessageId): MessageStatus | undefined {
    return this.#messages.status(id, this.#now());
  }

  peers(): readonly PeerStatus[] {
    return this.sight.rated(this.#peers.status(this.#now()));
  }

  addPeer(endpoint: PeerEndpoint): ReturnType<Overlay['addPeer']> {
    return this.#peers.add(endpoint);
  }

  removePeer(endpoint: PeerEndpoint): boolean {
    return this.#peers.remove(endpoint);
  }

  routes(): readonly RouteStatus[] {
    return routeStatuses(this.#routing.router, this.#peers, this.#now());
  }

  queriedSubnets(): ReturnType<Overlay['queriedSubnets']> {
    return queriedStatuses(this.#routing.router, this.#now());
  }

  keyOf(address: Address): PublicKey | undefined {
    const subnet = subnetOf(address);
    return subnet === this.#identity.subnet ? this.#identity.publicKey : this.#routing.router.keyOf(subnet);
  }

  reachable(to: PublicKey): boolean {
    const subnet = subnetOf(this.#keys.name(to));
    if (subnet === this.#identity.subnet || this.#routing.nextHop(subnet) !== null) return true;
    this.#routing.want(subnet);
    return false;
  }

  onRoute(listener: RouteListener): () => void {
    return this.#routing.onRoute(listener);
  }

  get counters(): OverlayCounters {
    const closed = this.#counts.all();
    const open = this.#peers.bytes;
    return {
      ...closed,
      rx_bytes: (closed['rx_bytes'] ?? 0) + open.rx,
      tx_bytes: (closed['tx_bytes'] ?? 0) + open.tx,
      ...this.#routing.router.counters(),
      ...this.#messages.counters,
      links_open: this.#peers.openCount,
      packets_waiting_for_key: this.#traffic.waitingForKeys,
    };
  }

  #now(): Instant {
    return this.#env.clock.now();
  }

  #makeRouting(now: Instant): Routing {
    const options = { ...defaultRouterOptions, transit: this.#options.transit };
    const router = new RouterMachine(this.#identity.subnet, this.#routerId, options, now);
    return new Routing(this.#env.clock, router, {
      linkTo: (peer) => this.#peers.get(peer),
      linkFull: () => this.#counts.add('dropped_link_full'),
      expired: (frame, why) => this.#traffic.expired(frame, why, this.#now()),
      found: (subnet) => this.#routeFound(subnet),
    });
  }

  #makeExchange(): Exchange {
    const options = this.#options;
    const { clock, random } = this.#env;
    const { router } = this.#routing;
    const keyOf = (to: Address): PublicKey | undefined => this.#keys.named(subnetOf(to)) ?? router.keyOf(subnetOf(to));
    return new Exchange(
      this.#identity.subnet,
      { message: {}, path: {}, betterPath: options.betterPath ?? true },
      {
        transmit: (to, body) => this.#transmit(to, body),
        transmitPath: (to, head, tail) => {
          if (this.#running) this.#send(to, plaintextKind.path, head, tail);
        },
        keyOf,
        hasRoom: (to) => this.#routing.hasRoom(to),
        hasRoute: (to) => this.#routing.nextHop(to) !== null,
        waitedInVain: (to, inRow) => this.#routing.waitedInVain(to, inRow),
        gathering: () => clock.soon(() => this.#flush()),
        ...(options.store === undefined ? {} : { store: options.store }),
        received: options.received,
        admit: options.admit,
      },
      random,
    );
  }

  #send(to: Address, kind: Parameters<Traffic['send']>[1], body: Uint8Array, tail: Uint8Array | null): void {
    this.sight.sealing = kind;
    this.#traffic.send(to, kind, body, this.#now(), this.address, tail);
    this.sight.sealing = null;
  }

  #flush(): void {
    this.#messages.flush(this.#now());
    this.#messageAlarm.set(this.#messages.deadline());
    this.#peers.flush();
  }

  #makeTraffic(now: Instant): Traffic {
    const routing = this.#routing;
    const { router } = routing;
    const ways: Ways = {
      nextHop: (subnet, at) => router.nextHop(subnet, at),
      wasLost: (subnet, at) => router.wasLost(subnet, at),
      keyOf: (subnet) => router.keyOf(subnet),
      want: (subnet) => routing.want(subnet),
      hold: (subnet, frame) => routing.step({ kind: 'hold', subnet, frame }),
      send: (peer, frame) => this.#peers.get(peer)?.sendData(frame) ?? false,
      died: (subnet, hop) => routing.died(subnet, hop),
      setTransit: (isOpen) => routing.step({ kind: 'transit', isOpen }),
    };
    const deliveries: Deliveries = {
      message: (from, to, body) => {
        this.sight.opened(plaintextKind.message);
        this.#messages.messagePacket(from, to, body, this.#now());
      },
      path: (from, to, body) => {
        this.sight.opened(plaintextKind.path);
        this.#messages.pathPacket(from, to, body, this.#now());
      },
      icmp: (from, icmp) => {
        this.sight.opened(plaintextKind.icmp);
        this.sight.died(from, icmp);
        const { reason, destination } = icmp;
        this.#env.log.debug('packet-died', () => ({ router: from, reason, destination }));
      },
    };
    const { random } = this.#env;
    const { transit, transitLimit, transitMemory } = this.#options;
    const given = { transit, transitLimit, transitMemory, random, counts: this.#counts, now };
    return new Traffic(this.#identity, this.#keys, ways, deliveries, given);
  }

  #makePeers(): Peers {
    const { network = null, proxy = null } = this.#options;
    const { log } = this.#env;
    return new Peers(
      this.#env,
      network,
      { ...defaultPeersOptions, proxy },
      {
        up: (peer) => this.#peerUp(peer),
        down: (peer, why) => this.#peerDown(peer, why),
        costChanged: (peer, cost) => this.#routing.step({ kind: 'cost-changed', peer: peer.id, cost }),
        taken: (peer, retractions) => this.#routing.step({ kind: 'taken', peer: peer.id, retractions }),
        batch: (isBegin) => this.#batch(isBegin),
        drained: () => {
          this.#messages.drained(this.#now());
          this.#messageAlarm.set(this.#messages.deadline());
        },
        data: (peer, frame) => this.#traffic.receive(peer.id, frame, this.#now()),
        control: (peer, packet) => this.#routing.control(peer.id, packet),
        count: (what) => this.#counts.add(what),
        seen: this.sight.seen,
        unreachable: (peer, why) => log.warn('peer-unreachable', { peer: formatPeer(peer), why }),
        turnedAway: (from, why) => log.warn('stranger-turned-away', { from: formatPeer(from), why }),
      },
    );
  }

  #peerUp(peer: Peer): void {
    this.sight.peerUp(peer);
    this.#routing.step({ kind: 'peer-up', peer: peer.id, cost: peer.cost });
  }

  #peerDown(peer: Peer, why: string): void {
    this.sight.peerDown(peer, why);
    this.#routing.step({ kind: 'peer-down', peer: peer.id });
  }

  /** What one read brings is answered together. */
  #batch(isBegin: boolean): void {
    if (isBegin) this.#messages.hold();
    else {
      this.#messages.release(this.#now());
      this.#messageAlarm.set(this.#messages.deadline());
      this.#trafficAlarm.set(this.#traffic.deadline());
    }
  }

  /** What waited for a key or a way there goes now. */
  #routeFound(subnet: Subnet): void {
    const now = this.#now();
    this.#traffic.keyFound(subnet, now);
    this.#messages.routeFound(subnet, now);
    this.#messageAlarm.set(this.#messages.deadline());
  }

  /** A message to this node itself does not leave it, and comes back only after the call that sent it. */
  #transmit(to: Address, body: Uint8Array): void {
    if (!this.#running) return;
    if (subnetOf(to) !== this.#identity.subnet) {
      this.#send(to, plaintextKind.message, body, null);
      return;
    }
    const { publicKey: key, address } = this.#identity;
    this.#env.clock.soon(() => {
      if (!this.#running) return;
      this.#messages.messagePacket({ key, address }, to, body, this.#now());
      this.#messageAlarm.set(this.#messages.deadline());
    });
  }
}
