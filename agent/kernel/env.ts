import type { Disk } from './disk.ts';
import type { Net } from './net.ts';
import type { Instant, WallTime } from './time.ts';

/** Everything that is not computation. The real one is made in #platform, the simulated one in test/sim. */
export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly net: Net;
  readonly log: Log;
}

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Monotonic. */
  now(): Instant;
  /** May be wrong by decades and may jump. */
  wall(): WallTime;
  /** Runs once at `when` or as soon after as can be; a past instant runs soon. */
  at(when: Instant, run: () => void): Timer;
  /** Runs once after the input that is being handled now (real: `setImmediate`), for "one write per tick". */
  soon(run: () => void): void;
}

export interface Random {
  /** Cryptographically strong bytes. */
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1), for jitter. */
  fraction(): number;
}

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** `event` is a literal kebab-case name; fields carry their units in their names. Secrets never come here. */
export interface Log {
  error(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  /** `fields` is a function so that nothing is built when nobody listens. */
  debug(event: string, fields?: () => LogFields): void;
  /** A log that adds `fields` to every line. */
  with(fields: LogFields): Log;
}
