import type { Clock, Instant, PublicKey, Subnet } from '#kernel';
import { unreachable } from '#kernel';
import { Alarm } from './alarm.ts';
import type { Peer } from './peer/peer.ts';
import type { RouterMachine } from './router/router.ts';
import type { PeerId, RouterEffect, RouterEvent } from './router/types.ts';
import { Silence } from './silence.ts';
import type { Control } from './wire/control.ts';
import type { DataFrame } from './wire/data.ts';

export type RouteListener = (to: PublicKey, reachable: boolean) => void;

export interface RoutingSink {
  linkTo(peer: PeerId): Peer | undefined;
  /** A packet that waited for a route finds that the link there is full. */
  linkFull(): void;
  /** A packet has waited in vain. */
  expired(frame: DataFrame, why: 'no-route' | 'no-room'): void;
  /** There is a route now, or another. */
  found(subnet: Subnet): void;
}

/** The router in its node: the clock that drives it, what it says to the links, and who hears of its routes. */
export class Routing {
  readonly router: RouterMachine;
  readonly #clock: Clock;
  readonly #sink: RoutingSink;
  readonly #alarm: Alarm;
  readonly #listeners = new Set<RouteListener>();
  readonly #silence = new Silence();
  #isRunning = false;

  constructor(clock: Clock, router: RouterMachine, sink: RoutingSink) {
    this.#clock = clock;
    this.router = router;
    this.#sink = sink;
    this.#alarm = new Alarm(clock, () => this.step({ kind: 'timer' }));
  }

  start(): void {
    this.#isRunning = true;
    this.#alarm.set(this.router.deadline());
  }

  stop(): void {
    this.#isRunning = false;
    this.#alarm.stop();
  }

  step(event: RouterEvent): void {
    if (!this.#isRunning) return;
    for (const effect of this.router.step(event, this.#now())) this.#apply(effect);
    this.#alarm.set(this.router.deadline());
  }

  control(peer: PeerId, packet: Control): void {
    switch (packet.kind) {
      case 'update':
        return this.step({ kind: 'update', peer, update: packet });
      case 'route-request':
        return this.step({ kind: 'route-request', peer, request: packet });
      case 'seqno-request':
        return this.step({ kind: 'seqno-request', peer, request: packet });
      case 'hello':
      case 'ihu':
        return;
      default:
        return unreachable(packet);
    }
  }

  want(subnet: Subnet): void {
    this.step({ kind: 'wanted', subnet });
  }

  nextHop(subnet: Subnet): PeerId | null {
    return this.router.nextHop(subnet, this.#now());
  }

  /** False: so much waits on the link there that more would only wait longer. */
  hasRoom(subnet: Subnet): boolean {
    const hop = this.nextHop(subnet);
    return hop === null || (this.#sink.linkTo(hop)?.hasRoom ?? true);
  }

  /** Something sent there waits for an answer in vain, the `inRow`-th time since there was any, or since the route is this one. */
  waitedInVain(subnet: Subnet, inRow: number): void {
    const hop = this.nextHop(subnet);
    if (hop === null || !this.#silence.waited(subnet, inRow, this.#now())) return;
    // Soon, not now: another route sets going again what is just being counted as missed.
    this.#clock.soon(() => this.step({ kind: 'doubted', subnet, peer: hop, why: 'silent' }));
  }

  /** A router on the way there has told that a packet of ours sent by that neighbour ended at it. */
  died(subnet: Subnet, peer: PeerId): void {
    this.step({ kind: 'doubted', subnet, peer, why: 'died' });
  }

  onRoute(listener: RouteListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #now(): Instant {
    return this.#clock.now();
  }

  #apply(effect: RouterEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#sink.linkTo(effect.peer)?.sendControl(effect.packet);
        break;
      case 'ask-taken':
        this.#sink.linkTo(effect.peer)?.ask(effect.retractions);
        break;
      case 'release':
        if (this.#sink.linkTo(effect.peer)?.sendData(effect.frame) !== true) this.#sink.linkFull();
        break;
      case 'dropped':
        this.#sink.expired(effect.frame, effect.why);
        break;
      case 'route-changed':
        if (effect.reachable) this.#sink.found(effect.subnet);
        for (const listener of this.#listeners) listener(effect.key, effect.reachable);
        break;
      default:
        unreachable(effect);
    }
  }
}
