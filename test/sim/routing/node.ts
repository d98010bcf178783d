import { type Identity, identityOf } from '#crypto';
import type { Subnet } from '#kernel';
import { Counts } from '../../../agent/overlay/counts.ts';
import { Keys } from '../../../agent/overlay/keys.ts';
import { RouterMachine } from '../../../agent/overlay/router/router.ts';
import {
  defaultRouterOptions,
  type PeerId,
  type RouterEffect,
  type RouterEvent,
  type RouterId,
  type RouterOptions,
} from '../../../agent/overlay/router/types.ts';
import { Traffic } from '../../../agent/overlay/traffic.ts';
import type { Control } from '../../../agent/overlay/wire/control.ts';
import { DataFrame, originHopLimit, startDataFrame } from '../../../agent/overlay/wire/data.ts';
import type { Chance } from '../chance.ts';
import { Deadline, type Timeline } from './timeline.ts';

/** What a node tells whoever watches the simulation. */
export interface Watcher {
  routeChanged(node: RoutingNode, subnet: Subnet): void;
  /** A packet is at a node, which may be its destination. */
  packetAt(node: RoutingNode, packet: number): void;
}

export type Item = Control | DataFrame;

/** One side of a connection, as its node sees it. */
export interface NodeEnd {
  readonly node: RoutingNode;
  readonly other: NodeEnd | null;
  readonly cost: number;
  readonly isOpen: boolean;
  readonly isClosed: boolean;
  send(item: Item): void;
  ask(question: number): void;
  close(): void;
}

/** A cable, as the nodes at its ends see it. */
export interface NodeCable {
  readonly a: RoutingNode;
  readonly b: RoutingNode;
  readonly state: 'up' | 'cut' | 'silent';
  dialIn(delayMs: number): void;
}

/** What makes a node lie: it sees what the node's router says before it goes out. */
export interface Forger {
  forge(node: RoutingNode, packet: Control): Control;
  swallows(subnet: Subnet): boolean;
}

/** The real router machine and the real data path of one node; links are simulated, and nothing is encrypted. */
export class RoutingNode {
  readonly index: number;
  readonly identity: Identity;
  readonly cables: NodeCable[] = [];
  readonly ends = new Map<PeerId, NodeEnd>();
  readonly #timeline: Timeline;
  readonly #chance: Chance;
  readonly #watcher: Watcher;
  readonly #options: RouterOptions;
  readonly #deadline: Deadline;
  #router: RouterMachine;
  #traffic: Traffic;
  #backlog: (() => void)[] | null = null;
  #lastPeer = 0;
  isAlive = true;
  forger: Forger | null = null;
  counts = new Counts();

  constructor(
    index: number,
    timeline: Timeline,
    chance: Chance,
    watcher: Watcher,
    options: Partial<RouterOptions> = {},
  ) {
    this.index = index;
    this.identity = identityOf(chance.bytes(32));
    this.#timeline = timeline;
    this.#chance = chance;
    this.#watcher = watcher;
    this.#options = { ...defaultRouterOptions, ...options };
    this.#deadline = new Deadline(timeline, () => this.deliver(() => this.step({ kind: 'timer' })));
    this.#router = this.#makeRouter();
    this.#traffic = this.#makeTraffic();
  }

  get router(): RouterMachine {
    return this.#router;
  }

  get subnet(): Subnet {
    return this.identity.subnet;
  }

  get isFrozen(): boolean {
    return this.#backlog !== null;
  }

  nextPeer(): PeerId {
    return ++this.#lastPeer as PeerId;
  }

  /** Something that happens in this node's process: later, if it is stopped now. */
  deliver(happen: () => void): void {
    if (!this.isAlive) return;
    if (this.#backlog === null) happen();
    else this.#backlog.push(happen);
  }

  freeze(): void {
    this.#backlog ??= [];
  }

  thaw(): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = null;
    for (const happen of backlog) happen();
  }

  kill(): void {
    this.#backlog = null;
    this.isAlive = false;
    for (const end of [...this.ends.values()]) end.close();
    this.ends.clear();
  }

  /** Starts anew: same key, new router id, nothing remembered. */
  boot(): void {
    this.isAlive = true;
    this.#router = this.#makeRouter();
    this.#traffic = this.#makeTraffic();
    this.#arm();
    for (const cable of this.cables) if (cable.a === this) cable.dialIn(this.#chance.between(0, 200));
  }

  step(event: RouterEvent): void {
    for (const effect of this.#router.step(event, this.#timeline.now)) this.#apply(effect);
    this.#arm();
  }

  control(from: PeerId, packet: Control): void {
    if (packet.kind === 'update') this.step({ kind: 'update', peer: from, update: packet });
    else if (packet.kind === 'route-request') this.step({ kind: 'route-request', peer: from, request: packet });
    else if (packet.kind === 'seqno-request') this.step({ kind: 'seqno-request', peer: from, request: packet });
  }

  frame(from: PeerId, frame: DataFrame): void {
    this.#watcher.packetAt(this, packetOf(frame));
    const subnet = frame.destinationSubnet;
    if (subnet !== this.subnet && this.forger?.swallows(subnet) !== true)
      this.#traffic.receive(from, frame.bytes, this.#timeline.now);
  }

  /** A packet of this node's own, numbered. As `Traffic.send`, without the seal. */
  originate(packet: number, to: RoutingNode): void {
    const bytes = startDataFrame(this.identity.address, to.identity.address, originHopLimit, 8);
    bytes.writeUInt32BE(packet, bytes.length - 4);
    const hop = this.#router.nextHop(to.subnet, this.#timeline.now);
    if (hop !== null) this.ends.get(hop)?.send(new DataFrame(bytes));
    else this.step({ kind: 'hold', subnet: to.subnet, frame: new DataFrame(bytes) });
  }

  /** Where the selected route to a subnet leads, whatever is said about it now. Over a link that its far side has closed: nowhere. */
  nextNode(subnet: Subnet): RoutingNode | null {
    if (this.forger?.swallows(subnet) === true) return null;
    const selected = this.isAlive ? (this.#router.entryOf(subnet)?.selected ?? null) : null;
    const far = selected === null ? null : (this.ends.get(selected.peer)?.other ?? null);
    return far === null || far.isClosed ? null : far.node;
  }

  #arm(): void {
    this.#deadline.set(this.#router.deadline());
  }

  #apply(effect: RouterEffect): void {
    if (effect.kind === 'send') {
      const packet = this.forger?.forge(this, effect.packet) ?? effect.packet;
      this.ends.get(effect.peer)?.send(packet);
    } else if (effect.kind === 'ask-taken') this.ends.get(effect.peer)?.ask(effect.retractions);
    else if (effect.kind === 'release') this.ends.get(effect.peer)?.send(effect.frame);
    else if (effect.kind === 'route-changed') this.#watcher.routeChanged(this, effect.subnet);
    else if (effect.kind === 'dropped') this.#traffic.expired(effect.frame, effect.why, this.#timeline.now);
  }

  #makeRouter(): RouterMachine {
    const { publicKey, subnet } = this.identity;
    const random = Buffer.from(this.#chance.bytes(6)).toString('hex');
    const routerId = `${publicKey}0000${random}` as unknown as RouterId;
    return new RouterMachine(subnet, routerId, this.#options, this.#timeline.now);
  }

  #makeTraffic(): Traffic {
    const ways = {
      nextHop: (subnet: Subnet) => this.#router.nextHop(subnet, this.#timeline.now),
      wasLost: (subnet: Subnet) => this.#router.wasLost(subnet, this.#timeline.now),
      // Unknown keys: so that no answer to a dead packet is sealed here.
      keyOf: () => undefined,
      want: (subnet: Subnet) => this.step({ kind: 'wanted', subnet }),
      hold: (subnet: Subnet, frame: DataFrame) => this.step({ kind: 'hold', subnet, frame }),
      died: () => {},
      setTransit: (isOpen: boolean) => this.step({ kind: 'transit', isOpen }),
      send: (peer: PeerId, frame: DataFrame) => {
        this.ends.get(peer)?.send(frame);
        return true;
      },
    };
    const silent = { message: () => {}, path: () => {}, icmp: () => {} };
    const random = { bytes: (length: number) => this.#chance.bytes(length), fraction: () => this.#chance.fraction() };
    const { transit } = this.#options;
    const now = this.#timeline.now;
    return new Traffic(this.identity, new Keys(this.identity), ways, silent, {
      transit,
      random,
      counts: this.counts,
      now,
    });
  }
}

export const packetOf = (frame: DataFrame): number => frame.bytes.readUInt32BE(frame.bytes.length - 4);
