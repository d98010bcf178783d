import type { Endpoint, LinkEvents, Timer } from '#kernel';
import { AgentError } from '#kernel';
import type { Chance } from './chance.ts';
import { End } from './end.ts';
import type { SimulatedHost } from './host.ts';
import { type Path, Pipe } from './path.ts';
import type { World } from './world.ts';

const connectTimeoutMs = 127_000;

/** What a connection needs of the network it crosses. */
export interface ConnectionNetwork {
  readonly world: World;
  host(name: string): SimulatedHost | undefined;
  path(from: string, to: string): Path;
  forget(connection: Connection): void;
}

/** A TCP connection: two ends, and a pipe for bytes and one for acknowledgements each way. */
export class Connection {
  readonly near: End;
  #far: End | null = null;
  readonly #network: ConnectionNetwork;
  readonly #fromPort: number;
  readonly #to: Endpoint;
  readonly #chance: Chance;
  readonly #pipes: { readonly there: Pipe; readonly back: Pipe; readonly ackThere: Pipe; readonly ackBack: Pipe };
  #silent = false;
  /** A host that has booted since and knows nothing of this connection. */
  #strangeTo: string | null = null;
  #timeout: Timer | null = null;

  constructor(network: ConnectionNetwork, from: SimulatedHost, fromPort: number, to: Endpoint, events: LinkEvents) {
    this.#network = network;
    this.#fromPort = fromPort;
    this.#to = to;
    const there = network.path(from.name, to.host);
    const back = network.path(to.host, from.name);
    this.#chance = there.chance.fork();
    this.#pipes = {
      there: new Pipe(there),
      back: new Pipe(back),
      ackThere: new Pipe(there),
      ackBack: new Pipe(back),
    };
    this.near = this.#end(from, this.#pipes.there, this.#pipes.ackBack, () => this.#far);
    this.near.events = events;
  }

  joins(name: string): boolean {
    return this.near.host.name === name || this.#to.host === name;
  }

  open(): void {
    const { world } = this.#network;
    this.#timeout = world.plan(connectTimeoutMs, () => this.#refuse('net/timeout'));
    this.#pipes.there.push(0, () => {
      const host = this.#network.host(this.#to.host);
      if (this.#silent || host === undefined || host.dark) return;
      const accept = host.acceptor(this.#to.port);
      this.#pipes.back.push(0, () => {
        if (this.#silent) return;
        if (accept === undefined) this.#refuse('net/refused');
        else {
          this.#timeout?.cancel();
          this.near.open();
        }
      });
      if (accept === undefined) return;
      const far = this.#end(host, this.#pipes.back, this.#pipes.ackThere, () => this.near);
      this.#far = far;
      far.opened = true;
      far.state = 'open';
      host.run(() => {
        far.attach(accept(far.link, { host: this.near.host.name, port: this.#fromPort }));
      });
    });
  }

  /** Both sides get an error. */
  reset(): void {
    this.near.close(this.#resetCause());
    this.#far?.close(this.#resetCause());
    this.#forget();
  }

  silence(): void {
    this.#silent = true;
    this.#timeout?.cancel();
  }

  /** The host has booted anew: its kernel answers bytes of old links with a reset. */
  forgetHost(name: string): void {
    if (!this.joins(name)) return;
    this.#strangeTo = name;
    const survivor = this.near.host.name === name ? this.#far : this.near;
    if (survivor?.waiting === true) this.#resetBy(name, survivor);
  }

  /** The process on `host` has died and its kernel closes what it left. */
  kill(host: SimulatedHost): void {
    const [dead, survivor] = this.near.host === host ? [this.near, this.#far] : [this.#far, this.near];
    if (survivor !== null) this.#resetBy(host.name, survivor);
    dead?.close(null);
  }

  #resetBy(name: string, survivor: End): void {
    const pipe = this.near.host.name === name ? this.#pipes.there : this.#pipes.back;
    pipe.push(0, () => survivor.farClosed(this.#resetCause()));
  }

  #resetCause(): AgentError {
    return new AgentError('net/reset', 'retry', `link ${this.near.host.name} to ${this.#to.host}: reset`);
  }

  #end(host: SimulatedHost, data: Pipe, acks: Pipe, other: () => End | null): End {
    const arrive = (run: (end: End) => void): void => {
      const end = other();
      if (!this.#silent && end !== null) run(end);
    };
    const end: End = new End(this.#network.world, this.#chance, host, {
      send: (bytes) =>
        data.push(bytes.length, () => {
          if (this.#strangeTo !== null) this.#resetBy(this.#strangeTo, end);
          arrive((far) => far.arrived(bytes, () => acks.push(0, () => arrive(() => end.acknowledged(bytes.length)))));
        }),
      finish: () => data.push(0, () => arrive((far) => far.farClosed(null))),
      left: () => this.#leave(),
    });
    return end;
  }

  #refuse(code: 'net/refused' | 'net/timeout'): void {
    const { host, port } = this.#to;
    this.near.close(
      new AgentError(code, 'retry', `dial ${host}:${port}: ${code === 'net/refused' ? 'refused' : 'no answer'}`),
    );
    this.#forget();
  }

  /** An end has gone: the connection is forgotten when the other has, too. */
  #leave(): void {
    this.#network.world.plan(0, () => {
      if (this.near.state === 'closed' && (this.#far === null || this.#far.state === 'closed')) this.#forget();
    });
  }

  #forget(): void {
    this.#timeout?.cancel();
    this.#network.forget(this);
    for (const pipe of Object.values(this.#pipes)) pipe.close();
  }
}
