import type { Bus, BusEvent, ToldGap } from '#bus';
import { createBus } from '#bus';
import type { Identity } from '#crypto';
import { identityOf } from '#crypto';
import type { Disk, DiskFile, Env, Log, PublicKey } from '#kernel';
import { milliseconds } from '#kernel';
import type { AcceptRule, ArrivedMessage, LinkRule, Links } from '#links';
import { createLinks } from '#links';
import type { Overlay, OverlayOptions, ReceivedMessage } from '#overlay';
import { createOverlay } from '#overlay';
import type { Lane, Ring, RingOptions } from '#ring';
import { openRing } from '#ring';
import type { Mail } from '../../agent/bus/relay/mail.ts';
import type { Post } from '../../agent/bus/relay/post-types.ts';
import { Chance } from './chance.ts';
import { Courier } from './courier.ts';
import { SimulatedDisk } from './disk.ts';
import type { SimulatedHost } from './host.ts';
import type { Ledger, Published } from './ledger.ts';
import type { SimulatedNetwork } from './net.ts';
import type { World } from './world.ts';
import { simulatedRandom } from './world.ts';

const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };
const overlayPort = 9651;

export interface AgentPlan {
  readonly name: string;
  readonly peers: readonly string[];
  readonly links: readonly LinkRule[];
  readonly accepts: readonly AcceptRule[];
  readonly ring: Partial<RingOptions>;
  /** In place of the embedded node. */
  readonly overlay?: (env: Env, identity: Identity, ways: Ways, bus: () => Bus) => Overlay;
  /** It is a relay, or uses some. */
  readonly mail?: (parts: MailParts) => Promise<SimulatedMail>;
}

export interface MailParts {
  readonly env: Env;
  readonly overlay: Overlay;
  readonly ring: Ring;
  readonly contacts: ReadonlyMap<string, PublicKey>;
}

/** What an agent has of relays. */
export interface SimulatedMail {
  readonly post: Post | null;
  readonly mail: Pick<Mail, 'admits' | 'receive'>;
  readonly start: () => void;
  readonly stop: () => void;
}

/** How messages get from the overlay to the bus. */
export type Ways = Pick<OverlayOptions, 'admit' | 'received'>;

/** One life of an agent: from its boot to its death. */
export interface Life {
  readonly host: SimulatedHost;
  readonly ring: Ring;
  readonly overlay: Overlay;
  readonly bus: Bus;
  readonly links: Links;
  readonly mail: SimulatedMail | null;
}

/** An agent without broker and API: ring, overlay, bus and links as compose() ties them, on simulated ground. */
export class SimulatedAgent {
  plan: AgentPlan;
  disk: SimulatedDisk;
  identity: Identity;
  readonly events: BusEvent[] = [];
  life: Life | null = null;
  host: SimulatedHost | null = null;
  wallOffsetMs = 0;
  /** Its next lives begin with a ring from a backup. */
  restored = false;
  delivered = 0;
  boots = 0;
  /** Records that the far ends say were lost on the way to here. */
  gaps = 0;
  /** The last gap that said where it lies. */
  lastTold: ToldGap | null = null;
  /** Records that a life had durable and the next one's ring did not know of any more. */
  forgotten = 0;
  log: Log = quiet;
  /** Between its overlay and its bus. */
  readonly courier: Courier;
  /** What should not have been thrown. */
  readonly troubles: string[] = [];
  readonly #world: World;
  readonly #network: SimulatedNetwork;
  readonly #ledger: Ledger;
  readonly #chance: Chance;
  #contacts: ReadonlyMap<string, PublicKey> = new Map();
  #serving: Life | null = null;
  #wentBack = 0;
  #ring: Ring | null = null;
  /** The last sequence that its ring had at its last start. */
  #found = 0;
  #held = false;
  #read: () => void = () => {};

  constructor(world: World, network: SimulatedNetwork, ledger: Ledger, plan: AgentPlan) {
    this.#world = world;
    this.#network = network;
    this.#ledger = ledger;
    this.plan = plan;
    this.#chance = world.chance.fork();
    this.disk = new SimulatedDisk(world, world.chance.fork());
    this.identity = identityOf(this.#chance.bytes(32));
    this.courier = new Courier(world, new Chance(world.seed ^ (0xc0e1 + plan.name.charCodeAt(0))));
  }

  meet(contacts: ReadonlyMap<string, PublicKey>): void {
    this.#contacts = contacts;
  }

  /** Another configuration, from the next boot on. */
  configure(plan: AgentPlan): void {
    this.plan = plan;
  }

  /** Another key, from the next boot on. */
  become(identity: Identity): void {
    this.identity = identity;
  }

  /** What a copy of its disk would hold now. */
  image(): SimulatedDisk {
    return this.disk.afterCut(this.#world, this.#chance.fork());
  }

  /** Its next life begins with this disk. */
  restore(image: SimulatedDisk): void {
    this.disk = image;
  }

  /** Starts a new life; resolves when it serves, or never if it dies before. */
  async boot(): Promise<void> {
    if (this.host?.alive === true) return;
    this.boots++;
    const host = this.#network.boot(this.plan.name, this.wallOffsetMs);
    this.host = host;
    const random = simulatedRandom(this.#chance.fork());
    const env: Env = { clock: host.clock, net: host.net, random, log: this.log, disk: diskOf(this.disk, host) };
    const durable = Math.max(this.#found, this.#ring?.durable ?? 0);
    const ring = await this.#openRing(env, host);
    if (ring === null) return;
    this.#found = ring.status.head;
    this.forgotten += Math.max(0, durable - this.#found);
    this.#ring = ring;
    await this.#start(env, host, ring);
  }

  /** Dead at once. `power`: what the disk had not synced is lost or torn. */
  die(how: 'killed' | 'power'): void {
    const { host } = this;
    if (host === null || !host.alive) return;
    this.#wentBack = this.wentBack;
    this.life?.bus.stop();
    this.life?.mail?.stop();
    this.life?.links.stop();
    this.life = null;
    this.#serving = null;
    this.#ledger.died(this.plan.name);
    host.crash(how);
    if (how === 'power') this.disk.powerCut();
    else this.disk.kill();
  }

  /** How often, over all lives, it has found that an end of some stream knows less than it has acknowledged. */
  get wentBack(): number {
    const { wentBack, farEndWentBack } = this.#serving?.bus.counters ?? { wentBack: 0, farEndWentBack: 0 };
    return this.#wentBack + wentBack + farEndWentBack;
  }

  /** While held, its subscriber reads nothing, and a ring that refuses fills up. */
  hold(held: boolean): void {
    this.#held = held;
    this.host?.run(() => this.#read());
  }

  /** Appends readings; the publisher learns of each whether it is durable, unless the agent dies meanwhile. */
  publish(count: number, lane: Lane, topic: (id: number) => string, bodyBytes = 0): boolean {
    const { life } = this;
    if (life === null || life.host.frozen) return false;
    const published = Array.from({ length: count }, () => this.#ledger.publish(this.plan.name, lane));
    const appended = life.ring.append(published.map((one) => entryOf(one, topic(one.id), bodyBytes)));
    if (!appended.ok) {
      for (const one of published) one.orphaned = true;
      return false;
    }
    life.ring.whenDurable(appended.last).then(
      () => {
        for (const one of published) one.acknowledged = true;
      },
      () => {},
    );
    return true;
  }

  async #openRing(env: Env, host: SimulatedHost): Promise<Ring | null> {
    const options: RingOptions = {
      directory: '/ring',
      sizeBytes: 8 * 1024 * 1024,
      full: 'refuse',
      commitWindow: milliseconds(0),
      ...this.plan.ring,
    };
    while (host.alive) {
      try {
        return await openRing(env, options);
      } catch {
        // A disk that cannot even be read or created on now: as a supervisor would, try again.
        await new Promise<void>((resolve) => env.clock.at((env.clock.now() + 500) as never, resolve));
      }
    }
    return null;
  }

  async #start(env: Env, host: SimulatedHost, ring: Ring): Promise<void> {
    const { plan } = this;
    const endpoint = (peer: string) => ({ host: peer, port: overlayPort });
    const ways: Ways = {
      admit: (announced) => bus.admits(announced) || mail?.mail.admits(announced) === true,
      received: (message) => {
        if (mail?.mail.receive(message) === true) return;
        this.courier.carry(message, (due) => this.#receive(due));
      },
    };
    const embedded = { listen: [endpoint('::')], peers: plan.peers.map(endpoint), transit: true, ...ways };
    const overlay: Overlay =
      plan.overlay?.(env, this.identity, ways, () => bus) ?? createOverlay(env, this.identity, embedded);
    const mail = (await plan.mail?.({ env, overlay, ring, contacts: this.#contacts })) ?? null;
    const links = createLinks(
      { env, ring },
      {
        links: plan.links,
        accepts: plan.accepts,
        contacts: this.#contacts,
        deliver: (messages) => this.#delivered(ring, messages),
      },
    );
    const port = {
      ...links.port,
      restored: this.restored,
      gap: (...told: Parameters<typeof links.port.gap>) => {
        this.gaps += told[2];
        if (told[4] !== undefined) this.lastTold = told[4];
        links.port.gap(...told);
      },
      event: (event: BusEvent) => {
        this.events.push(event);
      },
    };
    const bus: Bus = createBus({ env, overlay, ring, post: mail?.post ?? null }, port);
    this.#witness(ring, host);
    links.start(bus);
    mail?.start();
    bus.start();
    const life = { host, ring, overlay, bus, links, mail };
    this.#serving = life;
    await overlay.start();
    this.life = life;
  }

  #receive(message: ReceivedMessage): void {
    const life = this.#serving;
    life?.host.run(() => life.bus.receive(message));
  }

  #delivered(ring: Ring, messages: readonly ArrivedMessage[]): void {
    this.delivered += messages.length;
    for (const { sequence, publication } of messages) {
      this.#ledger.hand(this.plan.name, `${ring.epoch}/${sequence}`, idOf(publication.payload));
    }
  }

  /** A reader of the whole ring, as an independent subscriber with a persistent session would be. */
  #witness(ring: Ring, host: SimulatedHost): void {
    const cursor = ring.cursor({ name: 'session/witness', filters: ['#'], except: null, from: 'oldest' });
    let reading = false;
    const read = async (): Promise<void> => {
      if (reading) return;
      reading = true;
      while (!this.#held) {
        const items = await cursor.read(512, 1 << 20);
        if (items.length === 0) break;
        for (const item of items) {
          if (item.kind === 'message') this.#ledger.witness(this.plan.name, witnessed(item));
        }
        const last = items.at(-1);
        if (last !== undefined) cursor.settle(last.kind === 'gap' ? last.to : last.sequence);
      }
      reading = false;
    };
    const again = (): void => {
      read().catch(() => {
        reading = false;
      });
    };
    this.#read = again;
    ring.onDurable(() => host.run(again));
    again();
  }
}

const bodyOf = (id: number, bytes: number): Uint8Array => Buffer.from(`\0${id}`.padEnd(bytes));

const idOf = (text: Uint8Array): number => Number(Buffer.from(text).toString());

const entryOf = ({ id, lane }: Published, topic: string, bodyBytes: number) =>
  ({
    kind: 'message',
    topic,
    lane,
    qos: 1,
    retain: false,
    latest: 'none',
    body: bodyOf(id, bodyBytes),
    provenance: null,
    age: milliseconds(0),
  }) as const;

const witnessed = (record: { epoch: string; sequence: number; body: Uint8Array; lane: Lane }) => ({
  place: `${record.epoch}/${record.sequence}`,
  sequence: record.sequence,
  id: idOf(record.body.subarray(1)),
  lane: record.lane,
});

/** The disk as one life of a process sees it: a frozen or dead process learns nothing. */
function diskOf(disk: SimulatedDisk, host: SimulatedHost): Disk {
  const told = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      work.then(
        (value) => host.run(() => resolve(value)),
        (error: unknown) => host.run(() => reject(error)),
      );
    });
  const fileOf = (file: DiskFile): DiskFile => ({
    size: () => told(file.size()),
    read: (into, position) => told(file.read(into, position)),
    write: (from, position) => told(file.write(from, position)),
    sync: () => told(file.sync()),
    writeDurably: (from, position) => told(file.writeDurably(from, position)),
    truncate: (size) => told(file.truncate(size)),
    close: () => told(file.close()),
  });
  return {
    open: async (path, how) => fileOf(await told(disk.open(path, how))),
    rename: (from, to) => told(disk.rename(from, to)),
    remove: (path) => told(disk.remove(path)),
    list: (directory) => told(disk.list(directory)),
    makeDirectory: (path) => told(disk.makeDirectory(path)),
    syncDirectory: (path) => told(disk.syncDirectory(path)),
    lock: (path) => told(disk.lock(path)),
    allocate: (bytes) => disk.allocate(bytes),
  };
}
