import type { Duration } from '#kernel';

/** A program of this machine that is told of messages, by the configuration (`[[hook]]`). */
export interface HookRule {
  readonly name: string;
  readonly topic: string;
  /** Runs for each message; or null, and it listens at `socket`. */
  readonly command: readonly string[] | null;
  readonly socket: string | null;
  /** How long a run, or an acknowledgement, may take. */
  readonly timeout: Duration;
}

export interface HookView {
  readonly name: string;
  readonly topic: string;
  readonly to: string;
  readonly state: 'ok' | 'failing' | 'away';
  /** One after the other, up to now. */
  readonly failures: number;
  readonly failingForMs: number | null;
  readonly why: string | null;
  readonly done: number;
  readonly failed: number;
  readonly pending: number;
}

export interface ProgramOptions {
  readonly input: Uint8Array;
  /** All that it gets of an environment. */
  readonly variables: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** A program that runs. */
export interface RunningProgram {
  /** Null: exit code 0. Else what went wrong, in a few words. Never rejects. */
  readonly ended: Promise<string | null>;
  /** It and what it started are ended, gently at first. */
  stop(): void;
}

export type RunProgram = (command: readonly string[], options: ProgramOptions) => RunningProgram;

export interface LineEvents {
  readonly opened: () => void;
  readonly line: (text: string) => void;
  /** Once; also when it could not be opened. */
  readonly closed: (why: string) => void;
}

/** Lines over a Unix socket. */
export interface LineSocket {
  /** Resolves when more can be written, or it has closed. */
  write(text: string): Promise<void>;
  close(): void;
}

export type OpenLines = (path: string, events: LineEvents) => LineSocket;
