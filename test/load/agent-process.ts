import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { identityOf } from '#crypto';
import type { PublicKey } from '#kernel';
import { freePort } from './ports.ts';
import { program } from './program.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface AgentOptions {
  readonly name: string;
  /** Made by the caller; the agent's configuration, data and log go here. */
  readonly directory: string;
  /** Another entry than the command line's, taking the same arguments (relative to the source tree). */
  readonly entry?: string;
  readonly nodeFlags?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  /** A command in front of the agent's: `ip netns exec …`. */
  readonly wrapper?: readonly string[];
  /** The host it listens on for the overlay. */
  readonly overlayHost?: string;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** An agent as a process of its own, with an identity, ports that stay the same and a log that outlives it. */
export class AgentProcess {
  readonly name: string;
  readonly directory: string;
  readonly publicKey: PublicKey;
  readonly mqttPort: number;
  readonly overlayPort: number;
  readonly apiPort: number;
  readonly #options: AgentOptions;
  #child: ChildProcess | null = null;
  #exited: Promise<Exit> = Promise.resolve({ code: 0, signal: null });
  /** Processes started so far. */
  starts = 0;
  /** From spawn to `ready`, of the last start. */
  readyAfterMs = 0;

  private constructor(options: AgentOptions, ports: readonly number[]) {
    this.#options = options;
    this.name = options.name;
    this.directory = options.directory;
    [this.mqttPort = 0, this.overlayPort = 0, this.apiPort = 0] = ports;
    mkdirSync(this.dataDirectory, { recursive: true, mode: 0o700 });
    const key = randomBytes(32);
    writeFileSync(`${this.dataDirectory}/identity.key`, key, { mode: 0o600 });
    this.publicKey = identityOf(key).publicKey;
  }

  static async create(options: AgentOptions): Promise<AgentProcess> {
    return new AgentProcess(options, [await freePort(), await freePort(), await freePort()]);
  }

  get dataDirectory(): string {
    return `${this.directory}/data`;
  }

  get overlayUrl(): string {
    return `tcp://${this.#options.overlayHost ?? '127.0.0.1'}:${this.overlayPort}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get running(): boolean {
    return this.#child !== null;
  }

  /** Settles when the process of the last start has ended, and never rejects. */
  get exited(): Promise<Exit> {
    return this.#exited;
  }

  /** Writes the configuration: what every agent of ours has in common, then `toml`. */
  configure(peers: readonly string[], toml: string): void {
    const common = [
      `node = { name = "${this.name}" }`,
      `overlay = { listen = ["${this.overlayUrl}"], peers = ${JSON.stringify(peers)} }`,
      `mqtt = { listen = ["mqtt://127.0.0.1:${this.mqttPort}"] }`,
      `api = { listen = ["http://127.0.0.1:${this.apiPort}"], rpc = [] }`,
    ];
    writeFileSync(`${this.directory}/hypha.toml`, `${common.join('\n')}\n${toml}`);
  }

  /** Resolves at the line with `ready`; rejects with the log's end when the process ends before it. */
  async start(): Promise<void> {
    const startedAt = performance.now();
    const child = this.#spawn();
    this.#child = child;
    this.starts++;
    this.#exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        if (this.#child === child) this.#child = null;
        resolve({ code, signal });
      });
    });
    await this.#ready(child);
    this.readyAfterMs = performance.now() - startedAt;
  }

  /** A message to an entry that listens for some. */
  send(message: object): void {
    this.#child?.send(message);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** SIGKILL, and gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM; SIGKILL when that takes longer than `patienceMs`. False when it had to be killed. */
  async stop(patienceMs = 10_000): Promise<boolean> {
    if (this.#child === null) return true;
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    let patient = true;
    const timer = setTimeout(() => {
      patient = false;
      this.signal('SIGKILL');
    }, patienceMs);
    await this.#exited;
    clearTimeout(timer);
    return patient;
  }

  /** CPU time of the running process in ms, user and system (proc(5), /proc/PID/stat fields 14 and 15). */
  cpuMs(): number {
    return cpuMsOf(this.pid);
  }

  /** What `/hypha/v1/PATH` answers. */
  async ask(path: string): Promise<unknown> {
    const answer = await fetch(`http://127.0.0.1:${this.apiPort}/hypha/v1/${path}`, {
      signal: AbortSignal.timeout(5_000),
    });
    if (!answer.ok) throw new Error(`${this.name}: ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** What `hypha COMMAND --json` prints for this agent. */
  async command(...words: readonly string[]): Promise<unknown> {
    const { wrapper = [] } = this.#options;
    const places = ['--json', '--config', `${this.directory}/hypha.toml`, '--data', this.dataDirectory];
    const [command = '', ...args] = [...wrapper, process.execPath, `${root}${program()}`, ...words, ...places];
    const { stdout } = await promisify(execFile)(command, args, { env: { HOME: this.directory } });
    return JSON.parse(stdout);
  }

  log(): string {
    return readFileSync(`${this.directory}/log`, 'utf8');
  }

  #spawn(): ChildProcess {
    const { wrapper = [], nodeFlags = [], entry = program(), variables = {} } = this.#options;
    const line = [
      ...wrapper,
      process.execPath,
      ...nodeFlags,
      `${root}${entry}`,
      'run',
      '--config',
      `${this.directory}/hypha.toml`,
      '--data',
      this.dataDirectory,
    ];
    const [command = '', ...args] = line;
    const env = {
      PATH: process.env['PATH'],
      HOME: this.directory,
      NODE_COMPILE_CACHE: `${root}.build/compile-cache`,
      ...variables,
    };
    const channel = this.#options.entry === undefined ? [] : (['ipc'] as const);
    return spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe', ...channel] });
  }

  #ready(child: ChildProcess): Promise<void> {
    let ready = false;
    let seen = '';
    return new Promise((resolve, reject) => {
      const take = (bytes: Buffer): void => {
        appendFileSync(`${this.directory}/log`, bytes);
        if (ready) return;
        seen = (seen + bytes.toString()).slice(-4096);
        ready = /(^|\n)ready\b/.test(seen);
        if (ready) resolve();
      };
      child.stdout?.on('data', take);
      child.stderr?.on('data', take);
      child.once('error', reject);
      child.once('close', (code, signal) => {
        if (!ready) reject(new Error(`${this.name}: ended (${code ?? signal}) before ready: ${seen.slice(-1500)}`));
      });
    });
  }
}

const ticksPerSecond = 100;

export function cpuMsOf(pid: number | undefined): number {
  if (pid === undefined) return 0;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}
