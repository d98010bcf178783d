import { story } from './story.ts';

export interface Told {
  readonly faults: readonly string[];
  readonly packets: number;
  readonly summary: string;
}

/** As many histories from a seed on; a fault names its seed. */
export function stories(nodes: number, from: number, count: number): Told {
  const faults: string[] = [];
  let [packets, events, pairs, slowestMs, mixedLoops, loopMs] = [0, 0, 0, 0, 0, 0];
  const began = performance.now();
  for (let seed = from; seed < from + count; seed++) {
    const report = story(seed, nodes);
    for (const fault of report.faults) faults.push(`seed ${seed}, ${report.shape}: ${fault}`);
    packets += report.packets;
    events += report.events;
    pairs += report.pairs;
    mixedLoops += report.mixedLoops;
    loopMs = Math.max(loopMs, report.longestLoopMs);
    slowestMs = Math.max(slowestMs, report.healedMs);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const summary =
    `${count} histories of ${nodes} nodes from seed ${from}: ${packets} packets, ${events} events, ${pairs} pairs in reach at ` +
    `the end, all served ${(slowestMs / 1000).toFixed(1)} s after the last change; ${mixedLoops} passing loops between old ` +
    `and new router ids of restarted nodes, ${(loopMs / 1000).toFixed(1)} s at the longest; took ${seconds} s`;
  return { faults, packets, summary };
}
