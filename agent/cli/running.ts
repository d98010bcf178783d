import { rm } from 'node:fs/promises';
import { keyFiles } from '#platform';
import { runningFile } from './paths.ts';
import { startOf } from './process-start.ts';

/** Where the parts of a running agent listen. */
export interface Doors {
  readonly mqtt: readonly string[];
  readonly overlay: readonly string[];
  readonly api: readonly string[];
}

/** Tells other commands where to ask. The start time tells this process from a later one of its number. */
export async function writeRunning(data: string, doors: Doors): Promise<void> {
  const running = { pid: process.pid, started: startOf(process.pid), ...doors };
  await keyFiles.place(runningFile(data), Buffer.from(`${JSON.stringify(running)}\n`));
}

export async function removeRunning(data: string): Promise<void> {
  await rm(runningFile(data), { force: true });
}
