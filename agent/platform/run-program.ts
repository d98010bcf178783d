import { type ChildProcess, spawn } from 'node:child_process';
import { messageOf } from '#kernel';

export interface ProgramOptions {
  readonly input: Uint8Array;
  readonly variables: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface RunningProgram {
  /** Null: exit code 0. Else what went wrong, in a few words, with the last of what it said on stderr. Never rejects. */
  readonly ended: Promise<string | null>;
  /** SIGTERM to it and all that it started; SIGKILL two seconds later. */
  stop(): void;
}

const graceMs = 2_000;
const saidLimit = 300;
/** Of this process' own environment, in which secrets may be, a program gets these alone. */
const passed = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'] as const;

/** Runs a program without a shell, in a process group of its own, with `input` on its standard input. */
export function runProgram([file = '', ...args]: readonly string[], options: ProgramOptions): RunningProgram {
  const own = passed.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]));
  const env = { ...Object.fromEntries(own), ...options.variables };
  const child = spawn(file, args, { env, stdio: ['pipe', 'ignore', 'pipe'], detached: true });
  const killer = new Killer(child);
  const isLate = { value: false };
  const timer = setTimeout(() => {
    isLate.value = true;
    killer.begin();
  }, options.timeoutMs);
  const said = lastWords(child);
  // It may end without having read all of it: that is its right.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input);
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)));
    child.once('exit', (code, signal) => {
      if (isLate.value) resolve(`still running after ${options.timeoutMs / 1000} s${said()}`);
      else if (code === 0) resolve(null);
      else resolve(`${signal === null ? `exit code ${code}` : `ended by ${signal}`}${said()}`);
    });
  }).finally(() => {
    clearTimeout(timer);
    killer.end();
  });
  return { ended, stop: () => killer.begin() };
}

/** Ends a process group: gently, then not. What has been left of the group when its leader ends is ended, too. */
class Killer {
  readonly #child: ChildProcess;
  #timer: NodeJS.Timeout | null = null;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  begin(): void {
    if (this.#timer !== null) return;
    this.#signal('SIGTERM');
    this.#timer = setTimeout(() => this.#signal('SIGKILL'), graceMs);
  }

  end(): void {
    if (this.#timer !== null) this.#signal('SIGKILL');
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // all of it has ended
    }
  }
}

function lastWords(child: ChildProcess): () => string {
  let said = '';
  child.stderr?.on('data', (piece: Buffer) => {
    said = (said + piece.toString()).slice(-saidLimit);
  });
  child.stderr?.on('error', () => undefined);
  return () => {
    const words = said.trim().replaceAll(/\s+/g, ' ');
    return words === '' ? '' : `: ${words}`;
  };
}
