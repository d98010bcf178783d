import type { Identity } from '#crypto';
import { subnetOf } from '#crypto';
import type { Address, Instant, PublicKey, Random, Subnet } from '#kernel';
import { instant, never, release, seconds } from '#kernel';
import type { Counts } from './counts.ts';
import type { Keys } from './keys.ts';
import { Rate } from './peer/rate.ts';
import { RecentPackets } from './recent-packets.ts';
import { firstAddress } from './router/table.ts';
import type { PeerId } from './router/types.ts';
import { WaitingPackets } from './router/waiting.ts';
import { type Kind, openFrame, Sealer } from './sealing.ts';
import type { TransitLimit } from './transit.ts';
import { TransitGate } from './transit-gate.ts';
import type { TransitMemory } from './types.ts';
import { DataFrame, plaintextKind } from './wire/data.ts';
import { decodeIcmp, encodeIcmp, type Icmp, type IcmpReason } from './wire/icmp.ts';

/** What the data path needs of the router and the links. */
export interface Ways {
  nextHop(subnet: Subnet, now: Instant): PeerId | null;
  wasLost(subnet: Subnet, now: Instant): boolean;
  keyOf(subnet: Subnet): PublicKey | undefined;
  /** Asks for a route. */
  want(subnet: Subnet): void;
  /** The frame waits for a route; it is the router's to keep. */
  hold(subnet: Subnet, frame: DataFrame): void;
  /** A packet of ours has ended at a router on the way, having been sent by that neighbour. */
  died(subnet: Subnet, hop: PeerId): void;
  /** Whether this node is a way for others now. */
  setTransit(isOpen: boolean): void;
  /** The frame is only lent. False: too much waits on that link already. */
  send(peer: PeerId, frame: DataFrame): boolean;
}

/** What comes out of opened packets. */
export interface Deliveries {
  message(from: { readonly key: PublicKey; readonly address: Address }, to: Address, body: Uint8Array): void;
  /** The body is only lent. */
  path(from: { readonly key: PublicKey; readonly address: Address }, to: Address, body: Uint8Array): void;
  icmp(from: PublicKey, icmp: Icmp): void;
}

/**
 * The data path: seals what this node sends, opens what is for it, carries what is for others. Bounded: packets from
 * nodes whose key is not known yet wait for it in a small store; questions on behalf of strangers and answers to dying
 * packets are limited in rate.
 */
export class Traffic {
  readonly #identity: Identity;
  readonly #keys: Keys;
  readonly #ways: Ways;
  readonly #deliveries: Deliveries;
  readonly #transit: boolean;
  /** Null: what is carried has no bound. */
  readonly #gate: TransitGate | null;
  readonly #sealer: Sealer;
  readonly #counts: Counts;
  readonly #unopened = new WaitingPackets({
    packets: 512,
    bytes: 512 * 1024,
    packetsPerSubnet: 64,
    bytesPerSubnet: 96 * 1024,
    waitFor: seconds(15),
  });
  readonly #recent = new RecentPackets();
  readonly #strangers: Rate;
  readonly #icmps: Rate;

  constructor(
    identity: Identity,
    keys: Keys,
    ways: Ways,
    deliveries: Deliveries,
    options: {
      readonly transit: boolean;
      readonly transitLimit?: TransitLimit | undefined;
      readonly transitMemory?: TransitMemory | undefined;
      readonly random: Random;
      readonly counts: Counts;
      readonly now: Instant;
    },
  ) {
    this.#identity = identity;
    this.#keys = keys;
    this.#ways = ways;
    this.#deliveries = deliveries;
    this.#transit = options.transit;
    this.#sealer = new Sealer(options.random);
    const { counts, now, transitLimit, transitMemory } = options;
    this.#counts = counts;
    const setTransit = (isOpen: boolean): void => ways.setTransit(isOpen);
    this.#gate =
      transitLimit === undefined ? null : new TransitGate(transitLimit, transitMemory, counts, setTransit, now);
    this.#strangers = new Rate(50, 200, options.now);
    this.#icmps = new Rate(50, 200, options.now);
  }

  start(now: Instant): void {
    this.#gate?.start(now);
  }

  stop(now: Instant): void {
    this.#gate?.stop(now);
  }

  /** Seals and sends; the frame waits if there is no route. What cannot be sealed yet is dropped: messages resend. */
  send(
    to: Address,
    kind: Kind,
    body: Uint8Array,
    now: Instant,
    source: Address = this.#identity.address,
    tail: Uint8Array | null = null,
  ): void {
    const subnet = subnetOf(to);
    const key = this.#keys.named(subnet) ?? this.#ways.keyOf(subnet);
    if (key === undefined) {
      this.#counts.add('dropped_key_unknown');
      this.#ways.want(subnet);
      return;
    }
    const shared = this.#keys.sharedWith(key);
    if (shared === null) return this.#counts.add('dropped_key_low_order');
    const frame = this.#sealer.seal(shared, kind, source, to, body, tail);
    this.#counts.add('packets_sent');
    const hop = this.#ways.nextHop(subnet, now);
    if (hop === null) this.#ways.hold(subnet, frame.copy(frame.hopLimit));
    else if (this.#ways.send(hop, frame)) this.#recent.sent(frame, subnet, hop, now);
    else this.#counts.add('dropped_link_full');
  }

  /** A frame from a neighbour; its bytes are not ours to keep. */
  receive(from: PeerId, bytes: Uint8Array, now: Instant): void {
    const frame = new DataFrame(bytes);
    const subnet = frame.destinationSubnet;
    const isOurs = subnet === this.#identity.subnet;
    if (!isOurs && !this.#transit) return this.#counts.add('dropped_no_transit');
    if (frame.hopLimit < 2) return this.#died(frame, 'hop-limit', now);
    if (isOurs) this.#local(frame, now);
    else this.#forward(from, subnet, frame, now);
  }

  /** The router has given up on a packet that waited. */
  expired(frame: DataFrame, why: 'no-route' | 'no-room', now: Instant): void {
    this.#counts.add(why === 'no-route' ? 'dropped_no_route' : 'dropped_no_room');
    if (why === 'no-route' && this.#ways.wasLost(frame.destinationSubnet, now)) this.#tell(frame, 'no-route', now);
  }

  /** The key of a subnet has become known: what waited for it is opened. */
  keyFound(subnet: Subnet, now: Instant): void {
    for (const frame of this.#unopened.take(subnet)) this.#local(frame, now);
  }

  sweep(now: Instant): void {
    for (const _ of this.#unopened.sweep(now)) this.#counts.add('dropped_key_not_found');
    this.#gate?.sweep(now);
  }

  deadline(): Instant {
    return instant(Math.min(this.#unopened.deadline(), this.#gate?.deadline() ?? never));
  }

  get waitingForKeys(): number {
    return this.#unopened.packets;
  }

  #forward(from: PeerId, subnet: Subnet, frame: DataFrame, now: Instant): void {
    const hop = this.#ways.nextHop(subnet, now);
    if (hop === from) return this.#counts.add('dropped_back_to_sender');
    if (this.#gate?.mayCarry(frame.bytes.length, now) === false) return;
    const onward = frame.copy(frame.hopLimit - 1);
    if (hop !== null) {
      if (this.#ways.send(hop, onward)) this.#counts.add('packets_forwarded');
      else this.#counts.add('dropped_link_full');
      release(onward.bytes);
    } else if (this.#ways.wasLost(subnet, now)) this.#died(frame, 'no-route', now);
    else this.#ways.hold(subnet, onward);
  }

  #local(frame: DataFrame, now: Instant): void {
    const source = frame.source;
    const subnet = subnetOf(source);
    if (subnet === this.#identity.subnet) return this.#counts.add('dropped_own_source');
    const named = this.#keys.named(subnet);
    const shown = this.#ways.keyOf(subnet);
    if (named === undefined && shown === undefined) return this.#keepForKey(subnet, frame, now);
    const isOpened =
      (named !== undefined && this.#open(named, frame, now)) ||
      (shown !== undefined && shown !== named && this.#open(shown, frame, now));
    if (!isOpened) this.#counts.add('dropped_not_opened');
  }

  #open(key: PublicKey, frame: DataFrame, now: Instant): boolean {
    const shared = this.#keys.sharedWith(key);
    const opened = shared === null ? null : openFrame(shared, frame);
    if (opened === null) return false;
    this.#counts.add('packets_received');
    if (opened.kind === plaintextKind.message) {
      this.#deliveries.message({ key, address: frame.source }, frame.destination, opened.body);
    } else if (opened.kind === plaintextKind.path) {
      this.#deliveries.path({ key, address: frame.source }, frame.destination, opened.body);
      release(opened.body);
    } else if (opened.kind === plaintextKind.icmp) this.#icmp(key, opened.body, now);
    else this.#counts.add('dropped_kind');
    return true;
  }

  /** Anybody can say that a packet died; who quotes it has seen it, and only that is more than a hint. */
  #icmp(key: PublicKey, body: Uint8Array, now: Instant): void {
    const icmp = decodeIcmp(body);
    if (icmp === null || !('reason' in icmp)) return this.#counts.add('icmp_refused');
    this.#counts.add('icmp_received');
    this.#deliveries.icmp(key, icmp);
    if (icmp.reason !== 'no-route') return;
    const subnet = subnetOf(icmp.destination);
    const hop = this.#recent.hopOf(icmp.payload, subnet, now);
    if (hop === null) this.#counts.add('icmp_not_believed');
    else this.#ways.died(subnet, hop);
  }

  #keepForKey(subnet: Subnet, frame: DataFrame, now: Instant): void {
    if (!this.#strangers.take(now) || !this.#unopened.add(subnet, frame.copy(frame.hopLimit), now)) {
      return this.#counts.add('dropped_stranger');
    }
    this.#ways.want(subnet);
  }

  #died(frame: DataFrame, reason: IcmpReason, now: Instant): void {
    this.#counts.add(reason === 'hop-limit' ? 'dropped_hop_limit' : 'dropped_no_route');
    this.#tell(frame, reason, now);
  }

  /** Tells the sender, if its key is known and it is another; never about an answer that could be one of these. */
  #tell(frame: DataFrame, reason: IcmpReason, now: Instant): void {
    const sender = frame.source;
    const subnet = subnetOf(sender);
    if (subnet === this.#identity.subnet || this.#ways.keyOf(subnet) === undefined) return;
    if (sender.endsWith('0'.repeat(16)) || !this.#icmps.take(now)) return;
    const router = firstAddress(this.#identity.subnet);
    const body = encodeIcmp({ reason, destination: frame.destination, router, sender, payload: frame.payload });
    this.#counts.add('icmp_sent');
    this.send(sender, plaintextKind.icmp, body, now, router);
  }
}
