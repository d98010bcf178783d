import type { ByteLink, LinkEvents } from '#kernel';
import type { Chance } from './chance.ts';
import type { SimulatedHost } from './host.ts';
import { mayBeTaken } from './takeover.ts';
import type { World } from './world.ts';

const highWaterBytes = 65_536;
/** What a kernel holds for one direction of one link: in flight, and received but not yet read. */
const windowBytes = 262_144;

interface Ways {
  send(bytes: Uint8Array): void;
  /** Nothing more comes from this side. */
  finish(): void;
  left(): void;
}

type EndState = 'opening' | 'open' | 'ending' | 'closed';

/** One side of a connection: what its application sees. */
export class End {
  readonly host: SimulatedHost;
  readonly link: ByteLink;
  events: LinkEvents | null = null;
  state: EndState = 'opening';
  readonly #send: (bytes: Uint8Array) => void;
  readonly #finish: () => void;
  readonly #left: () => void;
  readonly #chance: Chance;
  readonly world: World;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #credit = windowBytes;
  #full = false;
  #paused = false;
  #taken = false;
  #arrived: { readonly bytes: Uint8Array; readonly consumed: () => void }[] = [];
  #farHasClosed = false;
  #cause: Error | null = null;

  constructor(world: World, chance: Chance, host: SimulatedHost, ways: Ways) {
    this.#left = ways.left;
    this.world = world;
    this.#chance = chance;
    this.host = host;
    this.#send = ways.send;
    this.#finish = ways.finish;
    const write = (bytes: Uint8Array): boolean => this.#write(bytes);
    const queued = (): number => this.#queuedBytes;
    this.link = {
      write,
      get queuedBytes() {
        return queued();
      },
      pause: (paused) => this.#pause(paused),
      end: () => {
        if (this.state === 'open' || this.state === 'opening') this.state = 'ending';
        this.flush();
      },
      destroy: () => {
        if (this.state === 'closed') return;
        ways.finish();
        this.close(null);
      },
    };
    mayBeTaken(this.link, this);
  }

  #write(bytes: Uint8Array): boolean {
    if (this.state === 'ending' || this.state === 'closed') return false;
    if (bytes.length === 0) return !this.#full;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.flush();
    if (this.#queuedBytes > highWaterBytes) this.#full = true;
    return !this.#full;
  }

  /** Hands to the network what the window allows. */
  flush(): void {
    if (!this.opened || this.state === 'closed') return;
    for (let head = this.#queue[0]; head !== undefined && this.#credit > 0; head = this.#queue[0]) {
      this.#queue.shift();
      const taken = this.#chance.hits(0.2) ? this.#chance.between(1, head.length) : head.length;
      const size = Math.min(taken, this.#credit);
      if (size < head.length) this.#queue.unshift(head.subarray(size));
      this.#credit -= size;
      this.#queuedBytes -= size;
      this.#send(head.subarray(0, size));
    }
    if (this.#queuedBytes > 0) return;
    if (this.state === 'ending') {
      this.#finish();
      this.close(null);
    } else if (this.#full) {
      this.#full = false;
      this.world.plan(0, () => this.#tell((events) => events.drained()));
    }
  }

  /** Whether the far side's kernel has not yet acknowledged something. */
  get waiting(): boolean {
    return this.#credit < windowBytes || this.#queuedBytes > 0;
  }

  /** Another protocol goes on here: who was told before hears nothing more. */
  takeOver(events: LinkEvents): void {
    this.#taken = true;
    this.events = events;
    this.#read();
  }

  /** The application's answer to an incoming link. */
  attach(events: LinkEvents): void {
    if (this.#taken) return;
    this.events = events;
    if (this.state === 'closed') this.#tellClosed();
    else this.#read();
  }

  #tell(what: (events: LinkEvents) => void): void {
    this.host.run(() => {
      if (this.state !== 'closed' && this.events !== null) what(this.events);
    });
  }

  #tellClosed(): void {
    this.world.plan(0, () => this.host.run(() => this.events?.closed(this.#cause)));
  }

  opened = false;

  open(): void {
    this.opened = true;
    if (this.state === 'opening') this.state = 'open';
    this.world.plan(0, () => {
      this.#tell((events) => events.opened());
      this.flush();
    });
  }

  acknowledged(bytes: number): void {
    if (this.state === 'closed') return;
    this.#credit += bytes;
    this.flush();
  }

  arrived(bytes: Uint8Array, consumed: () => void): void {
    if (this.state === 'closed') return;
    this.#arrived.push({ bytes, consumed });
    this.host.run(() => this.#read());
  }

  #read(): void {
    while (this.events !== null && !this.#paused && this.state !== 'closed') {
      const next = this.#arrived.shift();
      if (next === undefined) break;
      next.consumed();
      this.events.received(next.bytes);
    }
    if (this.#farHasClosed && this.#arrived.length === 0) this.close(null);
  }

  #pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused && this.#arrived.length > 0) this.world.plan(0, () => this.host.run(() => this.#read()));
  }

  /** The far side has closed: told after everything that came before it has been read. */
  farClosed(cause: Error | null): void {
    if (cause === null && this.#arrived.length > 0) this.#farHasClosed = true;
    else this.close(cause);
  }

  close(cause: Error | null): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#arrived = [];
    this.#cause = cause;
    this.#tellClosed();
    this.#left();
  }
}
