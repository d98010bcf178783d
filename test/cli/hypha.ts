import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from '../load/program.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Plain JavaScript that any Node reads; ours is given the bundle. */
const anyNodes = join(root, 'agent/cli/hypha.js');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly input?: string;
  readonly variables?: Readonly<Record<string, string>>;
  readonly node?: string;
}

/** A directory that goes with the test. */
export function makeDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'hypha-cli-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs the command to its end. */
export async function hypha(args: readonly string[], options: CallOptions = {}): Promise<Finished> {
  const child = start(args, options);
  child.stdin?.end(options.input ?? '');
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

function start(args: readonly string[], { variables = {}, node }: CallOptions): ChildProcess {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    NODE_COMPILE_CACHE: join(root, '.build/compile-cache'),
    ...variables,
  };
  const line = node === undefined ? [process.execPath, join(root, program())] : [node, anyNodes];
  const [command = '', entry = ''] = line;
  return spawn(command, [entry, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** No process outlives the tests that started it. */
function endWithTests(child: ChildProcess): void {
  running.add(child);
  child.once('close', () => running.delete(child));
}

/** An agent as a process of its own, on ports that the system chose. */
export class RunningAgent {
  readonly #child: ChildProcess;
  readonly data: string;
  readonly config: string;
  readonly doors: Readonly<Record<string, string>>;
  readonly #ended: Promise<number | null>;

  private constructor(
    child: ChildProcess,
    place: AgentPlace,
    doors: Readonly<Record<string, string>>,
    ended: Promise<number | null>,
  ) {
    this.#child = child;
    this.data = place.data;
    this.config = place.config;
    this.doors = doors;
    this.#ended = ended;
  }

  /** Resolves at the line with `ready`; rejects with what was said when the process ends before it. */
  static async start(place: AgentPlace, variables: Readonly<Record<string, string>> = {}): Promise<RunningAgent> {
    const child = start(['run', '--config', place.config, '--data', place.data], { variables });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    endWithTests(child);
    let said = '';
    const ready = new Promise<Readonly<Record<string, string>>>((resolve, reject) => {
      const take = (chunk: Buffer): void => {
        said += chunk.toString();
        const line = /^ready (.*)$/m.exec(said)?.[1];
        if (line !== undefined) resolve(Object.fromEntries(line.split(' ').map((part) => part.split('='))));
      };
      child.stdout?.on('data', take);
      child.stderr?.on('data', take);
      child.once('close', (code) => reject(new Error(`ended with ${code} before ready: ${said}`)));
    });
    return new RunningAgent(child, place, await ready, ended);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** SIGTERM, and its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal);
    return this.#ended;
  }

  /** A command against this agent that goes on until it is ended. */
  follow(args: readonly string[]): Following {
    const child = start([...args, '--data', this.data], {});
    endWithTests(child);
    let text = '';
    const said = (what: RegExp): Promise<string> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (what.test(text)) resolve(text);
        };
        child.stdout?.on('data', (chunk: Buffer) => {
          text += chunk.toString();
          look();
        });
        look();
      });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const end = async (signal?: NodeJS.Signals): Promise<string> => {
      child.kill(signal);
      await ended;
      return text;
    };
    return { said, end };
  }

  /** A command against this agent. */
  hypha(args: readonly string[], options: CallOptions = {}): Promise<Finished> {
    return hypha([...args, '--data', this.data, '--config', this.config], options);
  }
}

export interface Following {
  /** All of stdout, once it matches. */
  said(what: RegExp): Promise<string>;
  /** Resolves, when it has ended, with all of stdout. */
  end(signal?: NodeJS.Signals): Promise<string>;
}

export interface AgentPlace {
  readonly config: string;
  readonly data: string;
}

/** A configuration on ports that the system chooses, then `toml`. */
export function placeAgent(directory: string, name: string, toml: string): AgentPlace {
  const config = join(directory, `${name}.toml`);
  const common = [
    `node = { name = "${name}" }`,
    'mqtt = { listen = ["mqtt://127.0.0.1:0"] }',
    'api = { listen = ["http://127.0.0.1:0"], rpc = ["http://127.0.0.1:0"] }',
    'ring = { size = "16MB", commit = "now" }',
  ];
  writeFileSync(config, `${common.join('\n')}\n${toml}`);
  return { config, data: join(directory, `${name}-data`) };
}
