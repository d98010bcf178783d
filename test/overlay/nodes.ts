import { identityOf } from '#crypto';
import type { Disk, Endpoint, Env, Log, PublicKey } from '#kernel';
import { createOverlay, type Overlay, type OverlayOptions, type ReceivedMessage } from '#overlay';
import { type Chance, type SimulatedHost, SimulatedNetwork, simulatedRandom, World } from '#sim';

const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };

export const port = 9651;
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** A simulated overlay node: its host, the node, and what it has received. */
export interface Node {
  readonly name: string;
  readonly host: SimulatedHost;
  readonly overlay: Overlay;
  readonly received: ReceivedMessage[];
  say(to: PublicKey, what: string | Uint8Array, states?: string[]): ReturnType<Overlay['send']>;
}

/** A world of overlay nodes, all from one seed. */
export class Scene {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly #keys: Chance;

  constructor(seed: number) {
    this.world = new World(seed);
    this.network = new SimulatedNetwork(this.world);
    this.#keys = this.world.chance.fork();
  }

  /** Boots a node that listens and dials the named ones. */
  async node(name: string, peers: readonly string[] = [], options: Partial<OverlayOptions> = {}): Promise<Node> {
    return this.nodeOf(name, this.#keys.bytes(32), peers, options);
  }

  async nodeOf(
    name: string,
    secret: Uint8Array,
    peers: readonly string[],
    options: Partial<OverlayOptions> = {},
  ): Promise<Node> {
    const node = this.made(this.network.boot(name), secret, peers, options);
    await node.overlay.start();
    return node;
  }

  /** A node that has not started yet. */
  made(host: SimulatedHost, secret: Uint8Array, peers: readonly string[], options: Partial<OverlayOptions> = {}): Node {
    const random = simulatedRandom(this.world.chance.fork());
    const env: Env = { clock: host.clock, net: host.net, random, log: quiet, disk: noDisk };
    const received: ReceivedMessage[] = [];
    const overlay = createOverlay(env, identityOf(secret), {
      listen: [{ host: '::', port }],
      peers: peers.map((peer): Endpoint => ({ host: peer, port })),
      transit: true,
      admit: () => true,
      received: (message) => received.push(message),
      ...options,
    });
    const say: Node['say'] = (to, what, states = []) =>
      overlay.send({
        to,
        topic: new Uint8Array(0),
        payload: typeof what === 'string' ? Buffer.from(what) : what,
        replyTo: null,
        deadlineMs: null,
        changed: (state) => states.push(state),
      });
    return { name: host.name, host, overlay, received, say };
  }

  /** Runs until `done` holds, at most so long. */
  until(done: () => boolean, withinMs: number): Promise<boolean> {
    return this.world.run(this.world.now + withinMs, done);
  }

  run(forMs: number): Promise<boolean> {
    return this.world.run(this.world.now + forMs);
  }
}

const noDisk = null as unknown as Disk;
