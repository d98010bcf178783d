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
  unreachable,
} from '#kernel';
import { Alarm } from './alarm.ts';
import { Counts } from './counts.ts';
import { Exchange } from './exchange.ts';
import { isPublicKey, Keys } from './keys.ts';
import { type Discovery, startDiscovery } from './peer/discovery.ts';
import type { Peer } from './peer/peer.ts';
import { defaultPeersOptions, Peers } from './peer/peers.ts';
import { RouterMachine } from './router/router.ts';
import { defaultRouterOptions, type RouterEffect, type RouterEvent, type RouterId } from './router/types.ts';
import { queriedStatuses, routeStatuses } from './seeing/route-view.ts';
import { NodeSight } from './seeing/sight.ts';
import { traceWays } from './seeing/ways.ts';
import { type Deliveries, Traffic } from './traffic.ts';
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
import type { Control } from './wire/control.ts';
import { plaintextKind } from './wire/data.ts';

const routerIdRandomBytes = 6;

/** A Mycelium node (WIRE.md) of the given identity. Nothing happens before `start`. */
export function createOverlay(env: Env, identity: Identity, options: OverlayOptions): Overlay {
  return new OverlayNode(env, identity, options);
}

type RouteListener = (to: PublicKey, reachable: boolean) => void;

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
  readonly #router: RouterMachine;
  readonly #routerAlarm: Alarm;
  readonly #traffic: Traffic;
  readonly #trafficAlarm: Alarm;
  readonly #messages: Exchange;
  readonly #messageAlarm: Alarm;
  readonly sight: NodeSight;
  readonly #routeListeners = new Set<RouteListener>();
  #running = false;

  constructor(env: Env, identity: Identity, options: OverlayOptions) {
    const { clock, random } = env;
    const now = clock.now();
    this.#env = env;
    this.#identity = identity;
    this.#options = options;
    this.#keys = new Keys(identity);
    this.#routerId = `${identity.publicKey}0000${hexOf(random.bytes(routerIdRandomBytes))}` as unknown as RouterId;
    const routerOptions = { ...defaultRouterOptions, transit: options.transit };
    this.#router = new RouterMachine(identity.subnet, this.#routerId, routerOptions, now);
    this.#routerAlarm = new Alarm(clock, () => this.#route({ kind: 'timer' }));
    this.#traffic = this.#makeTraffic(now);
    this.#trafficAlarm = new Alarm(clock, (at) => {
      this.#traffic.sweep(at);
      this.#trafficAlarm.set(this.#traffic.deadline());
    });
    const routing = {
      want: (subnet: Subnet) => this.#route({ kind: 'wanted', subnet }),
      onRoute: (listener: RouteListener) => this.onRoute(listener),
    };
    const ways = traceWays(clock, identity, this.#keys, this.#router, () => this.#peers, routing);
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
    this.#routerAlarm.set(this.#router.deadline());
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
    this.#running = false;
    for (const alarm of [this.#routerAlarm, this.#trafficAlarm, this.#messageAlarm]) alarm.stop();
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
    return routeStatuses(this.#router, this.#peers, this.#now());
  }

  queriedSubnets(): ReturnType<Overlay['queriedSubnets']> {
    return queriedStatuses(this.#router, this.#now());
  }

  keyOf(address: Address): PublicKey | undefined {
    const subnet = subnetOf(address);
    return subnet === this.#identity.subnet ? this.#identity.publicKey : this.#router.keyOf(subnet);
  }

  reachable(to: PublicKey): boolean {
    const subnet = subnetOf(this.#keys.name(to));
    if (subnet === this.#identity.subnet || this.#router.nextHop(subnet, this.#now()) !== null) return true;
    this.#route({ kind: 'wanted', subnet });
    return false;
  }

  onRoute(listener: RouteListener): () => void {
    this.#routeListeners.add(listener);
    return () => this.#routeListeners.delete(listener);
  }

  get counters(): OverlayCounters {
    const closed = this.#counts.all();
    const open = this.#peers.bytes;
    return {
      ...closed,
      rx_bytes: (closed['rx_bytes'] ?? 0) + open.rx,
      tx_bytes: (closed['tx_bytes'] ?? 0) + open.tx,
      ...this.#router.counters(),
      ...this.#messages.counters,
      links_open: this.#peers.openCount,
      packets_waiting_for_key: this.#traffic.waitingForKeys,
    };
  }

  #now(): Instant {
    return this.#env.clock.now();
  }

  #makeExchange(): Exchange {
    const options = this.#options;
    const { clock, random } = this.#env;
    const keyOf = (to: Address): PublicKey | undefined =>
      this.#keys.named(subnetOf(to)) ?? this.#router.keyOf(subnetOf(to));
    return new Exchange(
      this.#identity.subnet,
      { message: {}, path: {}, betterPath: options.betterPath ?? true },
      {
        transmit: (to, body) => this.#transmit(to, body),
        transmitPath: (to, head, tail) => {
          if (this.#running) this.#send(to, plaintextKind.path, head, tail);
        },
        keyOf,
        hasRoom: (to) => this.#hasRoom(to),
        hasRoute: (to) => this.#router.nextHop(to, this.#now()) !== null,
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
  }

  #makeTraffic(now: Instant): Traffic {
    const ways = {
      nextHop: (subnet: Subnet, at: Instant) => this.#router.nextHop(subnet, at),
      wasLost: (subnet: Subnet, at: Instant) => this.#router.wasLost(subnet, at),
      keyOf: (subnet: Subnet) => this.#router.keyOf(subnet),
      want: (subnet: Subnet) => this.#route({ kind: 'wanted', subnet }),
      hold: (subnet: Subnet, frame: Parameters<Peer['sendData']>[0]) => this.#route({ kind: 'hold', subnet, frame }),
      send: (peer: Peer['id'], frame: Parameters<Peer['sendData']>[0]) =>
        this.#peers.get(peer)?.sendData(frame) ?? false,
      setTransit: (isOpen: boolean) => this.#route({ kind: 'transit', isOpen }),
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
    const { transit, transitLimit } = this.#options;
    const given = { transit, transitLimit, random, counts: this.#counts, now };
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
        costChanged: (peer, cost) => this.#route({ kind: 'cost-changed', peer: peer.id, cost }),
        batch: (isBegin) => this.#batch(isBegin),
        data: (peer, frame) => this.#traffic.receive(peer.id, frame, this.#now()),
        control: (peer, packet) => this.#control(peer, packet),
        count: (what) => this.#counts.add(what),
        seen: this.sight.seen,
        unreachable: (peer, why) => log.warn('peer-unreachable', { peer: formatPeer(peer), why }),
        turnedAway: (from, why) => log.warn('stranger-turned-away', { from: formatPeer(from), why }),
      },
    );
  }

  #peerUp(peer: Peer): void {
    this.sight.peerUp(peer);
    this.#route({ kind: 'peer-up', peer: peer.id, cost: peer.cost });
  }

  #peerDown(peer: Peer, why: string): void {
    this.sight.peerDown(peer, why);
    this.#route({ kind: 'peer-down', peer: peer.id });
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

  #control(peer: Peer, packet: Control): void {
    switch (packet.kind) {
      case 'update':
        return this.#route({ kind: 'update', peer: peer.id, update: packet });
      case 'route-request':
        return this.#route({ kind: 'route-request', peer: peer.id, request: packet });
      case 'seqno-request':
        return this.#route({ kind: 'seqno-request', peer: peer.id, request: packet });
      case 'hello':
      case 'ihu':
        return;
      default:
        return unreachable(packet);
    }
  }

  #route(event: RouterEvent): void {
    if (!this.#running) return;
    for (const effect of this.#router.step(event, this.#now())) this.#apply(effect);
    this.#routerAlarm.set(this.#router.deadline());
  }

  #apply(effect: RouterEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#peers.get(effect.peer)?.sendControl(effect.packet);
        break;
      case 'release':
        if (this.#peers.get(effect.peer)?.sendData(effect.frame) !== true) this.#counts.add('dropped_link_full');
        break;
      case 'dropped':
        this.#traffic.expired(effect.frame, effect.why, this.#now());
        break;
      case 'route-changed':
        this.#routeChanged(effect.subnet, effect.key, effect.reachable);
        break;
      default:
        unreachable(effect);
    }
  }

  #routeChanged(subnet: Subnet, key: PublicKey, reachable: boolean): void {
    const now = this.#now();
    if (reachable) {
      this.#traffic.keyFound(subnet, now);
      this.#messages.routeFound(subnet, now);
      this.#messageAlarm.set(this.#messages.deadline());
    }
    for (const listener of this.#routeListeners) listener(key, reachable);
  }

  #hasRoom(to: Subnet): boolean {
    const hop = this.#router.nextHop(to, this.#now());
    return hop === null || (this.#peers.get(hop)?.hasRoom ?? true);
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
