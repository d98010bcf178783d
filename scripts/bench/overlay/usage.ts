import { readFileSync } from 'node:fs';
import type { Overlay } from '#overlay';

export interface Usage {
  readonly cpuUs: number;
  /** Sealed packets sent and opened: one AEAD each. Null: not known. */
  readonly aeads: number | null;
}

const tickUs = 10_000;

/** What this process has used since it began, its one overlay included. */
export function usageOf(overlay: Overlay): Usage {
  const { user, system } = process.cpuUsage();
  const { packets_sent: sent = 0, packets_received: opened = 0 } = overlay.counters;
  return { cpuUs: user + system, aeads: sent + opened };
}

/** CPU time of another process, to the 10 ms that the kernel counts in. */
export function cpuUsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (user + system) * tickUs;
}

export function sum(left: Usage, right: Usage): Usage {
  const aeads = left.aeads === null || right.aeads === null ? null : left.aeads + right.aeads;
  return { cpuUs: left.cpuUs + right.cpuUs, aeads };
}
