import { defaultRouterOptions } from '../../../agent/overlay/router/types.ts';
import { Fleet } from './fleet.ts';
import type { RoutingNode } from './node.ts';
import { distances, type Shape, shapes } from './topology.ts';
import { Trouble } from './trouble.ts';

/** Faults begin after so long, and go on for so long: less with many nodes, which have more of them a second. */
const troubleFrom = 20_000;
const troubleForMs = (count: number): number => (count > 100 ? 50_000 : 120_000);
/** A route request is passed on 15 times. WIRE.md §4. */
const reachHops = 15;
/** What is sent this long after the last fault or healing arrives, whatever it was. */
const boundMs = 30_000;
const watchedMs = 20_000;
const packetEveryMs = 2_000;

export interface Report {
  readonly faults: readonly string[];
  readonly shape: Shape;
  readonly pairs: number;
  readonly packets: number;
  readonly events: number;
  readonly mixedLoops: number;
  readonly longestLoopMs: number;
  /** From the end of the trouble until the last packet was sent that did not arrive. */
  readonly healedMs: number;
  readonly largest: Readonly<Record<string, number>>;
}

/** One history of many routers. All of it follows from the seed. */
export function story(seed: number, count: number): Report {
  const shape = shapes[seed % shapes.length] as Shape;
  const fleet = new Fleet(seed, shape, count);
  const { timeline, checker, chance } = fleet;
  const troubleTo = troubleFrom + troubleForMs(count);
  const trouble = new Trouble(fleet, troubleTo, seed % 3 === 0);
  const pairs = choosePairs(fleet, Math.min(count, 30), 3);
  const faultEvery = count > 100 ? 1000 : 4000;
  for (let at = troubleFrom; at < troubleTo; at += chance.between(200, 2 * faultEvery))
    timeline.at(at, () => trouble.strike());
  const end = troubleTo + boundMs + watchedMs;
  for (const [from, to] of pairs) talk(fleet, from, to, end);
  const largest: Record<string, number> = {};
  for (let at = 5000; at <= end + 20_000; at += 5000) {
    timeline.runUntil(at);
    weigh(fleet, largest);
  }
  const due = reachable(fleet, pairs);
  const isDue = ({ from, to }: { from: RoutingNode; to: RoutingNode }): boolean => due.has(`${from.index}>${to.index}`);
  const late = checker.lost(troubleTo).filter(isDue);
  const faults = [...checker.faults, ...overgrown(largest, count)];
  for (const { from, to, sentAt } of late.filter(({ sentAt }) => sentAt >= troubleTo + boundMs).slice(0, 5))
    faults.push(`sent at ${sentAt} from ${from.index} to ${to.index}, ${boundMs} ms after the trouble: never arrived`);
  return {
    faults,
    shape,
    pairs: due.size,
    packets: checker.packets.length,
    events: timeline.events,
    mixedLoops: checker.mixedLoops,
    longestLoopMs: checker.loops.longestMs(timeline.now),
    healedMs: Math.max(0, ...late.map(({ sentAt }) => sentAt - troubleTo)),
    largest,
  };
}

type Pair = readonly [RoutingNode, RoutingNode];

/** Destinations, and for each some nodes within reach that write to it. */
function choosePairs(fleet: Fleet, destinations: number, sources: number): Pair[] {
  const pairs: Pair[] = [];
  for (let each = 0; each < destinations; each++) {
    const to = fleet.pick();
    const near = [...hopsFrom(fleet, to)].filter(([, hops]) => hops > 0 && hops <= reachHops);
    for (let source = 0; source < sources; source++) pairs.push([fleet.node(fleet.chance.pick(near)[0]), to]);
  }
  return pairs;
}

function hopsFrom(fleet: Fleet, to: RoutingNode): Map<number, number> {
  return distances(to.index, (index) => fleet.neighboursOf(fleet.node(index)).map((node) => node.index));
}

function talk(fleet: Fleet, from: RoutingNode, to: RoutingNode, end: number): void {
  const { timeline, checker, chance } = fleet;
  const say = (): void => {
    if (timeline.now > end) return;
    from.deliver(() => checker.send(from, to));
    timeline.in(packetEveryMs, say);
  };
  timeline.at(chance.between(1000, 20_000), say);
}

/** The pairs that the cables connect, in as many hops as a request goes. */
function reachable(fleet: Fleet, pairs: readonly Pair[]): Set<string> {
  const due = new Set<string>();
  for (const [from, to] of pairs) {
    const hops = hopsFrom(fleet, to).get(from.index);
    if (hops !== undefined && hops <= reachHops) due.add(`${from.index}>${to.index}`);
  }
  return due;
}

const weighed = ['routes', 'sources', 'queries', 'seqno_requests', 'waiting_packets', 'waiting_bytes'] as const;

function weigh(fleet: Fleet, largest: Record<string, number>): void {
  for (const node of fleet.nodes) {
    const counters = node.router.counters();
    for (const name of weighed) largest[name] = Math.max(largest[name] ?? 0, counters[name] ?? 0);
  }
}

/** No node holds more than there is to know, let alone more than its limits. */
function overgrown(largest: Readonly<Record<string, number>>, count: number): string[] {
  const limits: Record<(typeof weighed)[number], number> = {
    routes: count - 1,
    sources: 2 * count,
    queries: 2 * count,
    seqno_requests: 8 * count,
    waiting_packets: Math.min(defaultRouterOptions.waitingPackets, 8 * 3 * count),
    waiting_bytes: defaultRouterOptions.waitingBytes,
  };
  return weighed
    .filter((name) => (largest[name] ?? 0) > limits[name])
    .map((name) => `${largest[name]} ${name} in one node, wanted at most ${limits[name]}`);
}
