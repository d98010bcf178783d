import { unreachable } from '#kernel';
import { defaultLinkOptions, type LinkEvent, LinkMachine } from '../../../agent/overlay/peer/link.ts';
import type { PeerId } from '../../../agent/overlay/router/types.ts';
import { DataFrame } from '../../../agent/overlay/wire/data.ts';
import type { Chance } from '../chance.ts';
import type { Item, NodeCable, NodeEnd, RoutingNode } from './node.ts';
import { Deadline, type Timeline } from './timeline.ts';

const stalledLimit = 4000;
const kernelGivesUpMs = 5000;

/**
 * A cable between two nodes, and the connections over it. `up`; `cut`: connections end with an error on both sides;
 * `silent`: nothing passes and nobody is told, what was sent waits as it would in the kernel. `a` dials, for ever.
 */
export class Cable implements NodeCable {
  readonly a: RoutingNode;
  readonly b: RoutingNode;
  readonly timeline: Timeline;
  readonly chance: Chance;
  delayMs: number;
  state: 'up' | 'cut' | 'silent' = 'up';
  #open: LinkEnd | null = null;
  #isDialling = false;
  readonly #ends = new Set<LinkEnd>();

  constructor(a: RoutingNode, b: RoutingNode, timeline: Timeline, chance: Chance) {
    this.a = a;
    this.b = b;
    this.timeline = timeline;
    this.chance = chance;
    this.delayMs = chance.hits(0.1) ? chance.between(100, 400) : chance.between(1, 60);
    a.cables.push(this);
    b.cables.push(this);
  }

  cut(): void {
    this.state = 'cut';
    for (const end of [...this.#ends]) end.node.deliver(() => end.close());
  }

  silence(): void {
    this.state = 'silent';
  }

  heal(): void {
    this.state = 'up';
    for (const end of this.#ends) end.flush();
  }

  dialIn(delayMs: number): void {
    if (this.#isDialling) return;
    this.#isDialling = true;
    this.timeline.in(delayMs, () => this.#dial());
  }

  ended(end: LinkEnd): void {
    this.#ends.delete(end);
    if (end !== this.#open) return;
    this.#open = null;
    if (end.node === this.a) this.dialIn(this.chance.between(200, 5000));
  }

  #dial(): void {
    this.#isDialling = false;
    const { a, b } = this;
    if (!a.isAlive || this.#open !== null) return;
    if (a.isFrozen || !b.isAlive || this.state !== 'up') return this.dialIn(this.chance.between(2500, kernelGivesUpMs));
    const near = new LinkEnd(this, a);
    const far = new LinkEnd(this, b);
    near.other = far;
    far.other = near;
    this.#open = near;
    for (const end of [near, far]) {
      this.#ends.add(end);
      this.timeline.in(2 * this.delayMs, () => end.node.deliver(() => end.opened()));
    }
  }
}

/** One side of a connection: a real link machine, and what it has sent on its way in order. */
export class LinkEnd implements NodeEnd {
  readonly cable: Cable;
  readonly node: RoutingNode;
  readonly id: PeerId;
  readonly #machine = new LinkMachine({ ...defaultLinkOptions, staticCost: 15 });
  readonly #deadline: Deadline;
  #lastArrival = 0;
  #stalled: Item[] = [];
  other: LinkEnd | null = null;
  isOpen = false;
  isClosed = false;

  constructor(cable: Cable, node: RoutingNode) {
    this.cable = cable;
    this.node = node;
    this.id = node.nextPeer();
    this.#deadline = new Deadline(cable.timeline, () => node.deliver(() => this.#step({ kind: 'timer' })));
  }

  get cost(): number {
    return this.#machine.cost;
  }

  opened(): void {
    if (this.isClosed) return;
    this.isOpen = true;
    this.node.ends.set(this.id, this);
    this.#step({ kind: 'opened' });
    this.node.step({ kind: 'peer-up', peer: this.id, cost: this.cost });
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.cable.ended(this);
    this.#tellOther();
    if (!this.isOpen) return;
    this.node.ends.delete(this.id);
    if (this.node.isAlive) this.node.step({ kind: 'peer-down', peer: this.id });
  }

  send(item: Item): void {
    if (this.isClosed) return;
    if (this.cable.state === 'up') this.#pass(item);
    else if (this.cable.state === 'silent' && this.#stalled.length < stalledLimit) this.#stalled.push(item);
    if (item instanceof DataFrame || item.kind !== 'hello') this.#step({ kind: 'wrote' });
  }

  ask(question: number): void {
    this.#step({ kind: 'asked', question });
  }

  flush(): void {
    const stalled = this.#stalled;
    this.#stalled = [];
    for (const item of stalled) this.#pass(item);
  }

  #pass(item: Item): void {
    const { timeline, delayMs, chance } = this.cable;
    const arrival = Math.max(this.#lastArrival, timeline.now + delayMs + chance.fraction() * delayMs * 0.2);
    this.#lastArrival = arrival;
    timeline.at(arrival, () => this.other?.take(item));
  }

  /** Something has come over the wire. */
  take(item: Item): void {
    this.node.deliver(() => this.#arrived(item));
  }

  #arrived(item: Item): void {
    if (this.isClosed) return this.#tellOther();
    if (!this.isOpen) this.opened();
    this.#step({ kind: 'heard' });
    if (item instanceof DataFrame) this.node.frame(this.id, item);
    else if (item.kind === 'hello') this.#step({ kind: 'hello-received' });
    else if (item.kind === 'ihu') this.#step({ kind: 'ihu-received' });
    else this.node.control(this.id, item);
  }

  /** The kernel of a side that has closed says so, if that gets through. */
  #tellOther(): void {
    const { other } = this;
    if (other === null || other.isClosed || this.cable.state !== 'up') return;
    this.cable.timeline.in(this.cable.delayMs, () => other.node.deliver(() => other.close()));
  }

  #step(event: LinkEvent): void {
    if (this.isClosed) return;
    for (const effect of this.#machine.step(event, this.cable.timeline.now)) {
      switch (effect.kind) {
        case 'send-hello':
          this.send({ kind: 'hello', flags: 0x8000, seqno: effect.seqno, interval: 2000 });
          break;
        case 'send-ihu':
          this.send({ kind: 'ihu', addressEncoding: 0, rxCost: effect.rxCost, interval: 6000, address: '' });
          break;
        case 'cost-changed':
          this.node.step({ kind: 'cost-changed', peer: this.id, cost: effect.cost });
          break;
        case 'taken':
          this.node.step({ kind: 'taken', peer: this.id, retractions: effect.question });
          break;
        case 'dead':
          this.close();
          break;
        default:
          unreachable(effect);
      }
    }
    this.#deadline.set(this.#machine.deadline());
  }
}
