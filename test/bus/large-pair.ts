import { type Identity, identityOf } from '#crypto';
import type { Env, Log, PublicKey } from '#kernel';
import { milliseconds } from '#kernel';
import { createOverlay, type Overlay, type ReceivedMessage } from '#overlay';
import { openRing } from '#ring';
import { Chance, SimulatedDisk, type SimulatedHost, SimulatedNetwork, simulatedRandom, World } from '#sim';
import { createFiles } from '../../agent/bus/large/files.ts';
import type { ArrivedFile, Files, FilesLimits } from '../../agent/bus/large/types.ts';
import { Courier } from '../sim/courier.ts';

const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };
const port = 9651;

export interface EndRules {
  limits: FilesLimits;
  mayBring: (topic: string) => number;
}

/** One node with files to send and to take, over all its lives. */
export class FilesEnd {
  readonly name: string;
  readonly identity: Identity;
  readonly disk: SimulatedDisk;
  readonly courier: Courier;
  readonly arrived: ArrivedFile[] = [];
  readonly rules: EndRules = { limits: { totalBytes: 1 << 30, atOnce: 4 }, mayBring: () => 1 << 30 };
  /** Pieces that came, over all lives. */
  pieces = 0;
  files: Files | null = null;
  overlay: Overlay | null = null;
  host: SimulatedHost | null = null;
  /** Changes what comes in, on its way from overlay to files. */
  spoil: ((payload: Uint8Array) => Uint8Array) | null = null;
  readonly #network: SimulatedNetwork;
  readonly #peers: readonly string[];
  readonly #chance: Chance;

  constructor(world: World, network: SimulatedNetwork, name: string, peers: readonly string[]) {
    this.name = name;
    this.#network = network;
    this.#peers = peers;
    this.#chance = world.chance.fork();
    this.identity = identityOf(this.#chance.bytes(32));
    this.disk = new SimulatedDisk(world, world.chance.fork());
    this.courier = new Courier(world, new Chance(world.seed ^ name.charCodeAt(0)));
  }

  async boot(): Promise<void> {
    if (this.host?.alive === true) return;
    const host = this.#network.boot(this.name);
    this.host = host;
    const random = simulatedRandom(this.#chance.fork());
    const env: Env = { clock: host.clock, net: host.net, random, log: quiet, disk: this.disk };
    const ring = await openRing(env, {
      directory: '/ring',
      sizeBytes: 8 * 1024 * 1024,
      full: 'refuse',
      commitWindow: milliseconds(0),
    });
    const endpoint = (peer: string) => ({ host: peer, port });
    const overlay: Overlay = createOverlay(env, this.identity, {
      listen: [endpoint('::')],
      peers: this.#peers.map(endpoint),
      transit: true,
      admit: (announced) => files.admits(announced),
      received: (message) => this.courier.carry(message, (due) => this.#receive(due)),
    });
    const files: Files = createFiles(
      { env, overlay, ring },
      {
        directory: '/data',
        limits: this.rules.limits,
        knows: () => true,
        mayBring: (_, topic) => this.rules.mayBring(topic),
        nameOf: () => 'peer',
        arrived: (file) => this.arrived.push(file),
      },
    );
    files.start();
    await overlay.start();
    if (!host.alive) return;
    this.files = files;
    this.overlay = overlay;
  }

  die(how: 'killed' | 'power'): void {
    if (this.host?.alive !== true) return;
    this.#count();
    this.host.crash(how);
    void this.files?.stop();
    this.files = null;
    if (how === 'power') this.disk.powerCut();
    else this.disk.kill();
  }

  #receive(message: ReceivedMessage): void {
    if (this.host?.alive !== true) return;
    const payload = this.spoil === null ? message.payload : this.spoil(message.payload);
    this.files?.receive({ ...message, payload });
  }

  #count(): void {
    this.pieces += this.files?.counters.receivedPieces ?? 0;
  }

  get allPieces(): number {
    return this.pieces + (this.files?.counters.receivedPieces ?? 0);
  }

  async content(path: string): Promise<Uint8Array> {
    const file = await this.disk.open(path, 'read-only');
    const bytes = new Uint8Array(await file.size());
    await file.read(bytes, 0);
    await file.close();
    return bytes;
  }

  async place(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.disk.open(path, 'create');
    await file.write(bytes, 0);
    await file.sync();
    await file.close();
    await this.disk.syncDirectory(path.slice(0, path.lastIndexOf('/')));
  }
}

/** Two nodes, one link. */
export class FilesPair {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly chance: Chance;
  readonly a: FilesEnd;
  readonly b: FilesEnd;

  constructor(seed: number) {
    this.world = new World(seed);
    this.network = new SimulatedNetwork(this.world);
    this.chance = new Chance(seed ^ 0x5eed);
    this.a = new FilesEnd(this.world, this.network, 'a', ['b']);
    this.b = new FilesEnd(this.world, this.network, 'b', []);
  }

  async start(): Promise<void> {
    await this.do(Promise.all([this.a.disk.makeDirectory('/src'), this.a.boot(), this.b.boot()]));
  }

  /** Lets the world go on until this has happened. */
  async do<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    work.then(over, over);
    await this.until(() => isOver, 60_000);
    return work;
  }

  until(done: () => boolean, withinMs: number): Promise<boolean> {
    return this.world.run(this.world.now + withinMs, done);
  }

  async send(bytes: Uint8Array, name = 'file.bin', topic = 'files'): Promise<string> {
    const path = `/src/${this.chance.uint32()}`;
    await this.do(this.a.place(path, bytes));
    const { files } = this.a;
    if (files === null) throw new Error('a is down');
    return (await this.do(files.send({ to: this.b.identity.publicKey as PublicKey, path, name, topic }))).id;
  }

  state(id: string, at: FilesEnd = this.a) {
    return at.files?.transfers().find((transfer) => transfer.id === id);
  }
}
