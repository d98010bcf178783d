import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { type Broker, type BrokerOptions, createBroker } from '#broker';
import { type Disk, type DiskFile, type Duration, type Env, type Log, milliseconds } from '#kernel';
import { systemClock, systemDisk, systemRandom } from '#platform';
import { openRing, type Ring, type RingOptions } from '#ring';
import { noNet } from '#sim';

export const quiet: Log = { error() {}, warn() {}, info() {}, debug() {}, with: () => quiet };

/** A disk whose syncs and writes can be held back, and that can be left behind as a crashed process leaves it. */
export class GatedDisk implements Disk {
  readonly #inner: Disk;
  #gate: Promise<void> | null = null;
  #open: (() => void) | null = null;
  #dead = false;
  #left = Number.POSITIVE_INFINITY;
  #died: () => void = () => {};
  syncs = 0;
  /** Syncs of the log that are held back. */
  waiting = 0;

  constructor(inner: Disk = systemDisk()) {
    this.#inner = inner;
  }

  /** Syncs of the ring's log that begin from now on wait for `release`; checkpoints go on. */
  holdSyncs(): void {
    this.#gate ??= new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open?.();
    this.#gate = null;
  }

  /** Nothing is written or finished through this disk any more. */
  die(): void {
    this.#dead = true;
  }

  /** Dies at the `moments`-th moment before or after a write or sync from now on. */
  dieAfter(moments: number): Promise<void> {
    this.#left = moments;
    return new Promise((resolve) => {
      this.#died = resolve;
    });
  }

  async #wait(): Promise<void> {
    this.waiting++;
    await this.#gate;
    this.waiting--;
  }

  async #moment(): Promise<void> {
    if (--this.#left === 0) {
      this.#dead = true;
      this.#died();
    }
    await this.#alive();
  }

  async #alive(): Promise<void> {
    if (this.#dead) await new Promise(() => {});
  }

  async open(path: string, how: 'open' | 'create' | 'read-only'): Promise<DiskFile> {
    await this.#alive();
    const file = await this.#inner.open(path, how);
    const isLog = path.endsWith('ring.log');
    return {
      size: () => file.size(),
      read: (into, position) => file.read(into, position),
      write: async (from, position) => {
        await this.#moment();
        await file.write(from, position);
        await this.#moment();
      },
      sync: async () => {
        await this.#moment();
        if (isLog) await this.#wait();
        await this.#alive();
        await file.sync();
        this.syncs++;
        await this.#moment();
      },
      writeDurably: async (from, position) => {
        await this.#moment();
        if (isLog) await this.#wait();
        await this.#alive();
        await file.writeDurably(from, position);
        this.syncs++;
        await this.#moment();
      },
      truncate: async (size) => {
        await this.#alive();
        await file.truncate(size);
      },
      close: () => file.close(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#alive();
    await this.#inner.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await this.#alive();
    await this.#inner.remove(path);
  }

  list(directory: string): Promise<string[]> {
    return this.#inner.list(directory);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#inner.makeDirectory(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#alive();
    await this.#inner.syncDirectory(path);
  }

  lock(path: string): ReturnType<Disk['lock']> {
    return this.#inner.lock(path);
  }

  allocate(bytes: number): Uint8Array {
    return this.#inner.allocate(bytes);
  }
}

export interface BenchOptions {
  readonly ring?: Partial<RingOptions>;
  readonly broker?: Partial<BrokerOptions>;
  readonly env?: (disk: Disk) => Env;
  /** The medium under all lives of the broker, and what a crash does to it. */
  readonly medium?: { readonly disk: Disk; cut(): void };
}

/** One broker on one ring on one port, which can crash and come back on the same port and directory. */
export class Bench {
  readonly directory: string;
  readonly #options: BenchOptions;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  port = 0;
  disk = new GatedDisk();
  #running: { broker: Broker; ring: Ring } | null = null;

  constructor(directory: string, options: BenchOptions) {
    this.directory = directory;
    this.#options = options;
  }

  get broker(): Broker {
    if (this.#running === null) throw new Error('not running');
    return this.#running.broker;
  }

  get ring(): Ring {
    if (this.#running === null) throw new Error('not running');
    return this.#running.ring;
  }

  async start(): Promise<void> {
    this.disk = new GatedDisk(this.#options.medium?.disk);
    const env = this.#options.env?.(this.disk) ?? realEnv(this.disk);
    const ring = await openRing(env, {
      directory: join(this.directory, 'ring'),
      sizeBytes: 64 << 20,
      full: 'drop-oldest',
      commitWindow: milliseconds(0) as Duration,
      ...this.#options.ring,
    });
    const broker = createBroker(env, ring, {
      clientId: 'hypha',
      maxPacketBytes: 1 << 20,
      maxConnections: 1_000,
      inflight: 100,
      passQos0: () => false,
      ...this.#options.broker,
    });
    await broker.start();
    this.#running = { broker, ring };
    await this.#listen(broker);
  }

  async #listen(broker: Broker): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      broker.serve(socket, 'test');
    });
    await new Promise<void>((resolve, reject) => {
      server.on('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** The process dies: nothing more is written or sent, nothing is closed in order. */
  async crash(): Promise<void> {
    this.disk.die();
    this.#options.medium?.cut();
    for (const socket of this.#sockets) socket.destroy();
    await this.#unlisten();
    // What it still does reaches no disk and no client; stopping only frees its timers.
    await this.#running?.broker.stop();
    this.#running = null;
  }

  async stop(): Promise<void> {
    if (this.#running === null) return;
    const { broker, ring } = this.#running;
    this.disk.release();
    await this.#unlisten();
    await broker.stop();
    await ring.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#running = null;
  }

  async #unlisten(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }
}

export const realEnv = (disk: Disk): Env => ({
  clock: systemClock(),
  random: systemRandom(),
  disk,
  net: noNet,
  log: process.env['BROKER_LOG'] === undefined ? quiet : loud,
});

const loud: Log = {
  error: (event, fields) => console.error('error', event, fields),
  warn: (event, fields) => console.error('warn', event, fields),
  info: (event, fields) => console.error('info', event, fields),
  debug: (event, fields) => console.error('debug', event, fields?.()),
  with: () => loud,
};

export async function bench(t: ExecutionContext, options: BenchOptions = {}): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), 'hypha-broker-'));
  const made = new Bench(directory, options);
  t.teardown(async () => {
    await made.stop();
    await rm(directory, { recursive: true, force: true });
  });
  await made.start();
  return made;
}

/** A connected MQTT.js client; ended with the test. */
export async function client(t: ExecutionContext, at: Bench, options: IClientOptions): Promise<MqttClient> {
  const made = connect({ host: '127.0.0.1', port: at.port, reconnectPeriod: 0, connectTimeout: 5_000, ...options });
  made.on('error', () => {});
  t.teardown(() => made.endAsync(true));
  await new Promise<void>((resolve, reject) => {
    made.once('connect', () => resolve());
    made.once('error', reject);
    made.once('close', () => reject(new Error('closed before connect')));
  });
  return made;
}

/** Resolves when `done` holds; looks again whenever the event loop has turned. */
export async function until(done: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!done()) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The event loop turns often enough for anything that is going to happen on a local socket to have happened. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Bytes by hand. */
export class RawClient {
  readonly socket: Socket;
  readonly packets: Buffer[] = [];
  closed = false;
  #rest: Buffer = Buffer.alloc(0);

  constructor(port: number) {
    this.socket = dial({ host: '127.0.0.1', port, noDelay: true });
    this.socket.on('data', (chunk: Buffer) => this.#received(chunk));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  send(...bytes: (Uint8Array | readonly number[])[]): void {
    this.socket.write(Buffer.concat(bytes.map((each) => Uint8Array.from(each))));
  }

  /** First bytes of what has come, in order, as packet types. */
  get types(): number[] {
    return this.packets.map((packet) => (packet[0] ?? 0) >> 4);
  }

  of(type: number): Buffer[] {
    return this.packets.filter((packet) => (packet[0] ?? 0) >> 4 === type);
  }

  #received(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      let length = 0;
      let at = 1;
      for (let shift = 0; ; shift += 7) {
        const byte = this.#rest[at++];
        if (byte === undefined) return;
        length += (byte & 127) << shift;
        if (byte < 128) break;
      }
      if (this.#rest.length < at + length) return;
      this.packets.push(Buffer.from(this.#rest.subarray(0, at + length)));
      this.#rest = this.#rest.subarray(at + length);
    }
  }
}
