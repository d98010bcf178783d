import { readFileSync } from 'node:fs';

/** When a process started, in clock ticks since boot (field 22 of /proc/PID/stat): tells it from a later one of its number. */
export function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
