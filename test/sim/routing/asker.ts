import { Silence } from '../../../agent/overlay/silence.ts';
import type { Checker } from './checker.ts';
import type { RoutingNode } from './node.ts';
import type { Timeline } from './timeline.ts';

const askEveryMs = 2_000;
const firstWaitMs = 1_000;
const longestWaitMs = 8_000;

/**
 * A node that asks another for ever and notices when nothing is answered, as messages do: waits that double, and the agent's own
 * judge of silence. What arrives counts as answered: the way back is another, about which nobody lies.
 */
export class Asker {
  readonly from: RoutingNode;
  readonly #to: RoutingNode;
  readonly #timeline: Timeline;
  readonly #checker: Checker;
  readonly #silence = new Silence();
  #inRow = 0;
  #hop: unknown = null;
  /** When the last question that arrived was sent. */
  servedAt: number;

  constructor(from: RoutingNode, to: RoutingNode, timeline: Timeline, checker: Checker) {
    this.from = from;
    this.#to = to;
    this.#timeline = timeline;
    this.#checker = checker;
    this.servedAt = timeline.now;
    this.#ask();
  }

  #ask(): void {
    const { now } = this.#timeline;
    const hop = this.from.router.nextHop(this.#to.subnet, now);
    if (hop !== this.#hop) this.#inRow = 0;
    this.#hop = hop;
    this.#checker.send(this.from, this.#to);
    const packet = this.#checker.packets.at(-1);
    this.#timeline.in(Math.min(longestWaitMs, firstWaitMs * 2 ** this.#inRow), () => {
      if (packet === undefined || packet.deliveredAt === null) return this.#missed(hop);
      this.#inRow = 0;
      this.servedAt = packet.sentAt;
      this.#timeline.in(askEveryMs, () => this.#ask());
    });
  }

  #missed(hop: ReturnType<RoutingNode['router']['nextHop']>): void {
    const { subnet } = this.#to;
    this.#inRow++;
    if (hop !== null && this.#silence.waited(subnet, this.#inRow, this.#timeline.now))
      this.from.step({ kind: 'doubted', subnet, peer: hop, why: 'silent' });
    this.#ask();
  }
}
