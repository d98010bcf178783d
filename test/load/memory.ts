import { readFileSync } from 'node:fs';

/** Of one process, in MB (2^20). proc(5), /proc/PID/smaps_rollup. */
export interface Memory {
  readonly anonymous: number;
  readonly pss: number;
  readonly rss: number;
}

export function memoryOf(pid: number | undefined): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const megabytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024;
  return { anonymous: megabytes('Anonymous'), pss: megabytes('Pss'), rss: megabytes('Rss') };
}
