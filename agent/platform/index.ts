import type { Env, Log } from '#kernel';
import { systemClock } from './clock.ts';
import { systemDisk } from './disk.ts';
import { realNet } from './net.ts';
import { systemRandom } from './random.ts';

export { askSocket } from './ask-socket.ts';
export { systemClock } from './clock.ts';
export { systemDisk } from './disk.ts';
export { dryDisk } from './dry-disk.ts';
export { listenHttp } from './http.ts';
export type { KeyFiles } from './key-file.ts';
export { keyFiles } from './key-file.ts';
export { openLines } from './line-socket.ts';
export type { LogLevel, LogOptions, RealLog } from './log.ts';
export { realLog } from './log.ts';
export { realNet } from './net.ts';
export { formatEndpoint } from './net-error.ts';
export { systemRandom } from './random.ts';
export { runProgram } from './run-program.ts';
export { listenStreams } from './streams.ts';
export { trimHeap } from './trim.ts';

/** This machine: its clock, chance, disk and network. */
export function realEnv(log: Log): Env {
  return { clock: systemClock(), random: systemRandom(), disk: systemDisk(), net: realNet, log };
}
