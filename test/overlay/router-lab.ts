import { addressOf, subnetOf } from '#crypto';
import { type Instant, instant, type PublicKey, type Subnet } from '#kernel';
import type { Chance } from '#sim';
import { RouterMachine } from '../../agent/overlay/router/router.ts';
import {
  defaultRouterOptions,
  type PeerId,
  type RouterEffect,
  type RouterEvent,
  type RouterId,
  type RouterOptions,
} from '../../agent/overlay/router/types.ts';

export interface Origin {
  readonly key: PublicKey;
  readonly subnet: Subnet;
  readonly routerId: RouterId;
}

export function originOf(chance: Chance): Origin {
  const key = Buffer.from(chance.bytes(32)).toString('hex') as PublicKey;
  return { key, subnet: subnetOf(addressOf(key)), routerId: `${key}0000${'ab'.repeat(6)}` as unknown as RouterId };
}

interface Wire {
  readonly from: number;
  readonly to: number;
  /** Changes when the link goes down: what was under way is lost. */
  readonly life: number;
  readonly event: RouterEvent;
}

/** Many routers and the links between them, without anything else: what is sent arrives in order, some time later. */
export class RouterLab {
  readonly origins: readonly Origin[];
  readonly routers: readonly RouterMachine[];
  readonly #chance: Chance;
  readonly #lives = new Map<string, number>();
  #queues = new Map<string, Wire[]>();
  now: Instant = instant(0);
  events = 0;

  constructor(count: number, chance: Chance, options: Partial<RouterOptions> = {}) {
    this.#chance = chance;
    this.origins = Array.from({ length: count }, () => originOf(chance));
    this.routers = this.origins.map(
      ({ subnet, routerId }) => new RouterMachine(subnet, routerId, { ...defaultRouterOptions, ...options }, this.now),
    );
  }

  isUp(a: number, b: number): boolean {
    return this.#lives.has(pair(a, b));
  }

  up(a: number, b: number, cost: number): void {
    this.#lives.set(pair(a, b), this.events);
    this.step(a, { kind: 'peer-up', peer: peerOf(b), cost });
    this.step(b, { kind: 'peer-up', peer: peerOf(a), cost });
  }

  down(a: number, b: number): void {
    this.#lives.delete(pair(a, b));
    this.#queues.delete(`${a}>${b}`);
    this.#queues.delete(`${b}>${a}`);
    this.step(a, { kind: 'peer-down', peer: peerOf(b) });
    this.step(b, { kind: 'peer-down', peer: peerOf(a) });
  }

  step(node: number, event: RouterEvent): void {
    this.events++;
    for (const effect of this.routers[node]?.step(event, this.now) ?? []) this.#apply(node, effect);
  }

  /** One packet arrives somewhere. False: none is under way. */
  deliver(): boolean {
    const waiting = [...this.#queues.values()].filter((queue) => queue.length > 0);
    if (waiting.length === 0) return false;
    const next = this.#chance.pick(waiting).shift();
    if (next === undefined || this.#lives.get(pair(next.from, next.to)) !== next.life) return true;
    // A question that has arrived is answered behind all that is on its way back.
    if (next.event.kind !== 'taken') this.step(next.to, next.event);
    else if (nodeOf(next.event.peer) === next.to) this.#push({ ...next, from: next.to, to: next.from });
    else this.step(next.to, next.event);
    return true;
  }

  pass(ms: number): void {
    this.now = instant(this.now + ms);
    this.routers.forEach((router, node) => {
      if (router.deadline() <= this.now) this.step(node, { kind: 'timer' });
    });
  }

  /** `node` has found that its next hop leads nowhere. */
  doubt(node: number, destination: number): void {
    const hop = this.nextHop(node, destination);
    const subnet = this.origins[destination]?.subnet;
    if (hop !== null && subnet !== undefined)
      this.step(node, { kind: 'doubted', subnet, peer: peerOf(hop), why: 'silent' });
  }

  settle(limit = 1_000_000): boolean {
    for (let count = 0; count < limit; count++) if (!this.deliver()) return true;
    return false;
  }

  nextHop(node: number, destination: number): number | null {
    const subnet = this.origins[destination]?.subnet;
    const selected = [...(this.routers[node]?.routes() ?? [])].find((entry) => entry.subnet === subnet)?.selected;
    return selected === undefined || selected === null ? null : nodeOf(selected.peer);
  }

  /** The nodes that a packet from `node` goes through; ends with the destination, a hole (null), or a loop ('loop'). */
  walk(node: number, destination: number): readonly (number | null | 'loop')[] {
    const path: (number | null | 'loop')[] = [node];
    for (let at = node; at !== destination; ) {
      const next = this.nextHop(at, destination);
      if (next !== null && path.includes(next)) return [...path, next, 'loop'];
      path.push(next);
      if (next === null) return path;
      at = next;
    }
    return path;
  }

  #apply(node: number, effect: RouterEffect): void {
    if (effect.kind !== 'send' && effect.kind !== 'ask-taken') return;
    const to = nodeOf(effect.peer);
    const life = this.#lives.get(pair(node, to));
    if (life === undefined) return;
    if (effect.kind === 'ask-taken') {
      this.#push({ from: node, to, life, event: { kind: 'taken', peer: peerOf(to), retractions: effect.retractions } });
      return;
    }
    const { packet } = effect;
    const peer = peerOf(node);
    const event: RouterEvent =
      packet.kind === 'update'
        ? { kind: 'update', peer, update: packet }
        : packet.kind === 'route-request'
          ? { kind: 'route-request', peer, request: packet }
          : { kind: 'seqno-request', peer, request: packet };
    this.#push({ from: node, to, life, event });
  }

  #push(wire: Wire): void {
    const key = `${wire.from}>${wire.to}`;
    this.#queues.set(key, [...(this.#queues.get(key) ?? []), wire]);
  }
}

const pair = (a: number, b: number): string => (a < b ? `${a}-${b}` : `${b}-${a}`);
export const peerOf = (node: number): PeerId => (node + 1) as PeerId;
const nodeOf = (peer: PeerId): number => peer - 1;
