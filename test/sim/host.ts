import type { ByteLink, Clock, Endpoint, LinkEvents, Listener, Net, Timer } from '#kernel';
import { AgentError } from '#kernel';
import type { Ether } from './ether.ts';
import { simulatedSecure } from './secure.ts';
import type { World } from './world.ts';

/** What a host needs of the network it is on. */
export interface HostNetwork {
  readonly world: World;
  readonly ether: Ether;
  connect(from: SimulatedHost, fromPort: number, to: Endpoint, events: LinkEvents): ByteLink;
  crashed(host: SimulatedHost, how: 'killed' | 'power'): void;
}

/** One life of one host: a process with a network stack. */
export class SimulatedHost {
  readonly name: string;
  readonly net: Net;
  readonly clock: Clock;
  readonly wallOffsetMs: number;
  alive = true;
  /** Its kernel is gone, too. */
  dark = false;
  #frozen = false;
  #deferred: (() => void)[] = [];
  readonly #listeners = new Map<number, (link: ByteLink, from: Endpoint) => LinkEvents>();
  readonly #network: HostNetwork;
  #nextPort = 40_000;

  constructor(network: HostNetwork, name: string, wallOffsetMs: number) {
    this.#network = network;
    this.name = name;
    this.wallOffsetMs = wallOffsetMs;
    this.clock = this.#makeClock(network.world);
    this.net = {
      dial: (to, events) => network.connect(this, this.#nextPort++, to, events),
      listen: (at, accept) => this.#listen(at, accept),
      secure: simulatedSecure,
      interfaces: () => network.ether.interfaces(name),
      multicast: (group, heard) => Promise.resolve(network.ether.member(this, group, heard)),
    };
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** SIGSTOP: no timer and no callback runs; the kernel goes on acknowledging until its buffers are full. */
  freeze(): void {
    this.#frozen = true;
  }

  /** SIGCONT: everything that was due happens now, in the order in which it was due. */
  thaw(): void {
    this.#frozen = false;
    const due = this.#deferred;
    this.#deferred = [];
    for (const run of due) this.#network.world.plan(0, () => this.run(run));
  }

  /** `killed`: the kernel closes its links. `power`: silence; whoever writes learns it after the next boot. */
  crash(how: 'killed' | 'power'): void {
    this.alive = false;
    this.dark = how === 'power';
    this.#deferred = [];
    this.#listeners.clear();
    this.#network.ether.crashed(this);
    this.#network.crashed(this, how);
  }

  /** Runs something of this host's process: now, after the thaw, or never. */
  run(what: () => void): void {
    if (!this.alive) return;
    if (this.#frozen) this.#deferred.push(what);
    else what();
  }

  acceptor(port: number): ((link: ByteLink, from: Endpoint) => LinkEvents) | undefined {
    return this.#listeners.get(port);
  }

  #makeClock(world: World): Clock {
    const inner = world.clock(this);
    const cancellable = (run: () => void, start: (fire: () => void) => Timer): Timer => {
      let cancelled = false;
      const timer = start(() =>
        this.run(() => {
          if (!cancelled) run();
        }),
      );
      return {
        cancel: () => {
          cancelled = true;
          timer.cancel();
        },
      };
    };
    return {
      now: inner.now,
      wall: inner.wall,
      at: (when, run) => cancellable(run, (fire) => inner.at(when, fire)),
      soon: (run) => {
        cancellable(run, (fire) => inner.at(world.now, fire));
      },
    };
  }

  #listen(at: Endpoint, accept: (link: ByteLink, from: Endpoint) => LinkEvents): Promise<Listener> {
    const port = at.port === 0 ? this.#nextPort++ : at.port;
    if (this.#listeners.has(port)) {
      return Promise.reject(new AgentError('net/in-use', 'reconfigure', `listen ${at.host}:${port}: in use`));
    }
    this.#listeners.set(port, accept);
    const close = (): Promise<void> => {
      this.#listeners.delete(port);
      return Promise.resolve();
    };
    return Promise.resolve({ at: { host: at.host, port }, close });
  }
}
