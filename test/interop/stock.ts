import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The stock daemon to test against; undefined: those tests are skipped and say so. */
export const stockBinary = process.env['MYCELIUM_BIN'];

export interface StockMessage {
  readonly id: string;
  readonly srcPk: string;
  readonly topic?: string;
  readonly payload: string;
}

/** For a daemon that does not run beside the test, but in a network namespace. */
export interface Elsewhere {
  /** In front of the command. */
  readonly wrapper: readonly string[];
  /** A Unix socket that leads to its API. */
  readonly door: string;
  /** The whole command instead of the daemon's: another program that offers the same API. */
  readonly command?: readonly string[] | undefined;
}

/** A stock Mycelium daemon on loopback, without tunnel and discovery, driven through its own HTTP API. */
export class Stock {
  readonly port: number;
  readonly apiPort: number;
  readonly rpcPort: number;
  readonly #peers: readonly string[];
  readonly #elsewhere: Elsewhere | null;
  readonly #folder: string;
  /** `fetch` would be the bottleneck of a benchmark. */
  readonly #agent = new Agent({ keepAlive: true });
  #child: ChildProcess | null = null;

  constructor(
    ports: readonly [number, number, number],
    peers: readonly string[],
    secretKey: Uint8Array,
    elsewhere: Elsewhere | null = null,
  ) {
    [this.port, this.apiPort, this.rpcPort] = ports;
    this.#peers = peers;
    this.#elsewhere = elsewhere;
    this.#folder = mkdtempSync(join(tmpdir(), 'hypha-stock-'));
    writeFileSync(join(this.#folder, 'key'), secretKey, { mode: 0o600 });
  }

  /** `peers`: `tcp://127.0.0.1:port`. Resolves when its API answers. */
  static async start(peers: readonly string[], secretKey: Uint8Array): Promise<Stock> {
    const stock = new Stock([await freePort(), await freePort(), await freePort()], peers, secretKey);
    await stock.run();
    return stock;
  }

  async run(): Promise<void> {
    const folder = this.#folder;
    const flags = ['--no-tun', '--disable-quic', '--disable-peer-discovery', '--silent', '-k', join(folder, 'key')];
    const ports = ['-t', `${this.port}`, '--api-addr', `127.0.0.1:${this.apiPort}`];
    const rpc = ['--jsonrpc-addr', `127.0.0.1:${this.rpcPort}`];
    const peers = this.#peers.length > 0 ? ['--peers', ...this.#peers] : [];
    const whole = this.#elsewhere?.command ?? [stockBinary ?? '', ...flags, ...ports, ...rpc, ...peers];
    const [command = '', ...args] = [...(this.#elsewhere?.wrapper ?? []), ...whole];
    this.#child = spawn(command, args, { cwd: folder, stdio: 'ignore' });
    for (let tries = 0; tries < 200; tries++) {
      const isUp = await this.#ask('GET', 'admin').then(
        ({ status }) => status === 200,
        () => false,
      );
      if (isUp) return;
      await waitMs(50);
    }
    throw new Error('the stock daemon does not answer');
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** SIGKILL; its key and ports stay for `run`. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    this.#agent.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The id of the message. */
  async push(toPublicKey: string, payload: Uint8Array, topic?: string): Promise<string> {
    const body = { dst: { pk: toPublicKey }, payload: base64(payload), ...topicOf(topic) };
    const { status, json } = await this.#ask('POST', 'messages', body);
    if (status !== 201) throw new Error(`push: status ${status}, wanted 201`);
    return (json as { id: string }).id;
  }

  /** Sends and waits for the reply. */
  async pushForReply(toPublicKey: string, payload: Uint8Array, waitSeconds: number): Promise<Uint8Array> {
    const body = { dst: { pk: toPublicKey }, payload: base64(payload) };
    const { status, json } = await this.#ask('POST', `messages?reply_timeout=${waitSeconds}`, body);
    if (status !== 200) throw new Error(`reply: status ${status}, wanted 200`);
    return Buffer.from((json as StockMessage).payload, 'base64');
  }

  async reply(id: string, toPublicKey: string, payload: Uint8Array): Promise<void> {
    const body = { dst: { pk: toPublicKey }, payload: base64(payload) };
    const { status } = await this.#ask('POST', `messages/reply/${id}`, body);
    if (status !== 204) throw new Error(`reply: status ${status}, wanted 204`);
  }

  /** The first message of that topic, which stays; null: there is none. */
  async look(topic: string): Promise<StockMessage | null> {
    const filter = encodeURIComponent(Buffer.from(topic).toString('base64'));
    const { status, json } = await this.#ask('GET', `messages?peek=true&topic=${filter}`);
    return status === 200 ? (json as StockMessage) : null;
  }

  /** Null: none came in time. */
  async pop(waitSeconds: number, topic?: string): Promise<StockMessage | null> {
    const filter = topic === undefined ? '' : `&topic=${encodeURIComponent(Buffer.from(topic).toString('base64'))}`;
    const { status, json } = await this.#ask('GET', `messages?timeout=${waitSeconds}${filter}`);
    return status === 200 ? (json as StockMessage) : null;
  }

  async state(id: string): Promise<unknown> {
    const { json } = await this.#ask('GET', `messages/status/${id}`);
    return (json as { state: unknown }).state;
  }

  /** What it has selected: the subnets and the neighbours on the way there. */
  async routes(): Promise<readonly { readonly subnet: string; readonly nextHop: string }[]> {
    const { json } = await this.#ask('GET', 'admin/routes/selected');
    return json as { subnet: string; nextHop: string }[];
  }

  /** Whether topics that are not configured are accepted; the answer's status. */
  async setDefault(accept: boolean): Promise<number> {
    return (await this.#ask('PUT', 'messages/topics/default', { accept })).status;
  }

  #ask(method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }> {
    const sent = body === undefined ? '' : JSON.stringify(body);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) };
    const where =
      this.#elsewhere === null ? { host: '127.0.0.1', port: this.apiPort } : { socketPath: this.#elsewhere.door };
    const to = { ...where, path: `/api/v1/${path}`, method, headers, agent: this.#agent };
    return new Promise((resolve, reject) => {
      const asked = request(to, (answer) => {
        const pieces: Buffer[] = [];
        answer.on('data', (piece: Buffer) => pieces.push(piece));
        answer.once('error', reject);
        answer.once('end', () => {
          const text = Buffer.concat(pieces).toString();
          resolve({ status: answer.statusCode ?? 0, json: text === '' ? null : parsed(text) });
        });
      });
      asked.once('error', reject);
      asked.end(sent);
    });
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const topicOf = (topic: string | undefined): { topic?: string } =>
  topic === undefined ? {} : { topic: Buffer.from(topic).toString('base64') };

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export const waitMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A port that was free just now: the stock daemon cannot be asked which one it took. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const at = server.address();
      server.close(() => resolve(at !== null && typeof at === 'object' ? at.port : 0));
    });
  });
}
