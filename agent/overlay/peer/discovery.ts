import type { DatagramSource, Endpoint, Env, Instant, Multicast, Timer } from '#kernel';
import { after, messageOf, seconds } from '#kernel';
import { type Beacon, decodeBeacon, encodeBeacon } from '../wire/beacon.ts';
import type { Peers } from './peers.ts';
import { Rate } from './rate.ts';

export interface DiscoveryOptions {
  /** True: on every interface that can; else on those named. */
  readonly interfaces: true | readonly string[];
  readonly routerId: string;
  /** Where this node takes links from neighbours; null: nowhere, so it looks and does not call. */
  readonly port: number | null;
}

/** What a node has for it: discovery over its peers, or null when none is wanted. */
export function startDiscovery(
  env: Pick<Env, 'clock' | 'net' | 'log'>,
  wanted: boolean | readonly string[],
  routerId: string,
  peers: Peers,
  count: (what: string) => void,
): Discovery | null {
  if (wanted === false) return null;
  const port = peers.listening.find(({ host }) => isReachable(host))?.port ?? null;
  const discovery = new Discovery(
    env,
    { interfaces: wanted, routerId, port },
    {
      linksWith: (host) => peers.linksWith(host),
      found: (at) => {
        if (peers.addLinkLocal(at) === 'full') count('neighbours_too_many');
      },
      drop: (at) => peers.dropLinkLocal(at),
      count,
    },
  );
  discovery.start();
  return discovery;
}

/** Neighbours speak to link-local IPv6 addresses. */
const isReachable = (host: string): boolean => host === '::' || /^fe[89ab][0-9a-f]:/i.test(host);

interface Ways {
  /** Links with that host that stand or are being made. */
  readonly linksWith: (host: string) => { readonly dialled: boolean; readonly inbound: boolean };
  readonly found: (at: Endpoint) => void;
  readonly drop: (at: Endpoint) => void;
  readonly count: (what: string) => void;
}

/** WIRE.md §2. */
const group: Endpoint = { host: 'ff02::cafe', port: 9650 };
const beaconEvery = seconds(60);
/** Interfaces come and go: a neighbour behind a cable that was plugged in is not kept waiting for the next beacon. */
const lookEvery = seconds(5);
const sourcesLimit = 256;
const beaconsPerSecond = 20;
/** A neighbour that starts often; beacons come one a minute. */
const perSource = { perSecond: 1 / 10, burst: 5 };
/** Neighbours whose beacons led to a dial. */
const foundLimit = 256;

/**
 * Finds neighbours on the local network: a beacon of ours goes out at once and every 60 s on each interface, and who is
 * heard is dialled. Bounded: beacons are rate-limited, in all and per source.
 */
export class Discovery {
  readonly #env: Pick<Env, 'clock' | 'net' | 'log'>;
  readonly #options: DiscoveryOptions;
  readonly #ways: Ways;
  readonly #beacon: Uint8Array | null;
  readonly #joined = new Set<string>();
  readonly #sources = new Map<string, Rate>();
  readonly #rate: Rate;
  /** By host: who was dialled there. */
  readonly #found = new Map<string, Beacon>();
  #socket: Multicast | null = null;
  #timer: Timer | null = null;
  #beaconAt: Instant;
  #isRunning = false;
  #complaint = '';

  constructor(env: Pick<Env, 'clock' | 'net' | 'log'>, options: DiscoveryOptions, ways: Ways) {
    const { routerId, port } = options;
    this.#env = env;
    this.#options = options;
    this.#ways = ways;
    this.#beacon = port === null ? null : encodeBeacon({ port, routerId });
    this.#beaconAt = env.clock.now();
    this.#rate = new Rate(beaconsPerSecond, beaconsPerSecond * 2, env.clock.now());
  }

  /** Never fails: what is not there now may be there later. */
  start(): void {
    this.#isRunning = true;
    if (this.#beacon === null)
      this.#env.log.warn('discovery-one-way', { why: 'no listener that neighbours can reach' });
    this.#begin();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#timer?.cancel();
    const socket = this.#socket;
    this.#socket = null;
    await socket?.close();
  }

  #plan(): void {
    const { clock } = this.#env;
    if (this.#isRunning) this.#timer = clock.at(after(clock.now(), lookEvery), () => this.#begin());
  }

  #begin(): void {
    this.#look()
      .catch((error: unknown) => this.#complain(messageOf(error)))
      .finally(() => this.#plan());
  }

  /** Follows the interfaces, and calls when it is time. */
  async #look(): Promise<void> {
    await this.#open();
    if (!this.#isRunning) return;
    this.#dropDoubles();
    const now = this.#env.clock.now();
    const isDue = now >= this.#beaconAt;
    if (isDue) this.#beaconAt = after(now, beaconEvery);
    const fresh = this.#joinAll();
    for (const name of isDue ? this.#joined : fresh) this.#call(name);
  }

  async #open(): Promise<void> {
    if (this.#socket !== null) return;
    try {
      const socket = await this.#env.net.multicast(group, (datagram, from) => this.#heard(datagram, from));
      if (this.#isRunning) this.#socket = socket;
      else await socket.close();
    } catch (error) {
      this.#complain(messageOf(error));
    }
  }

  /** The names of those that were not joined before. */
  #joinAll(): string[] {
    const socket = this.#socket;
    if (socket === null) return [];
    const wanted = new Set(this.#wanted());
    for (const name of this.#joined) {
      if (wanted.has(name)) continue;
      socket.leave(name);
      this.#joined.delete(name);
    }
    const fresh = [...wanted].filter((name) => !this.#joined.has(name) && socket.join(name));
    for (const name of fresh) this.#joined.add(name);
    if (this.#joined.size === 0) this.#complain('no interface with a link-local IPv6 address');
    else this.#complaint = '';
    return fresh;
  }

  #wanted(): string[] {
    const { interfaces } = this.#options;
    return this.#env.net
      .interfaces()
      .filter(({ name, hasLinkLocal }) => hasLinkLocal && (interfaces === true || interfaces.includes(name)))
      .map(({ name }) => name);
  }

  #call(interfaceName: string): void {
    if (this.#beacon === null) return;
    this.#ways.count('beacons_sent');
    this.#socket?.send(this.#beacon, interfaceName);
  }

  #heard(datagram: Uint8Array, from: DatagramSource): void {
    if (!this.#isRunning || !this.#joined.has(from.interface)) return;
    const beacon = decodeBeacon(datagram);
    if (beacon?.routerId === this.#options.routerId) return;
    if (beacon === null) return this.#ways.count('beacons_malformed');
    if (!this.#mayCall(from.host)) return this.#ways.count('beacons_limited');
    this.#ways.count('beacons_heard');
    const { dialled, inbound } = this.#ways.linksWith(from.host);
    if (dialled || inbound) return;
    this.#remember(from.host, beacon);
    this.#ways.found({ host: from.host, port: beacon.port });
  }

  #remember(host: string, beacon: Beacon): void {
    this.#found.delete(host);
    for (const oldest of this.#found.keys()) {
      if (this.#found.size < foundLimit) break;
      this.#found.delete(oldest);
    }
    this.#found.set(host, beacon);
  }

  /** Two nodes that heard each other at the same time have two links: the one with the greater router id gives up its own. */
  #dropDoubles(): void {
    for (const [host, { port, routerId }] of this.#found) {
      const { dialled, inbound } = this.#ways.linksWith(host);
      if (dialled && inbound && this.#options.routerId > routerId) this.#ways.drop({ host, port });
    }
  }

  /** Sources that have been quiet are forgotten first; when all are loud, a new one is not heard. */
  #mayCall(host: string): boolean {
    const now = this.#env.clock.now();
    const known = this.#sources.get(host) ?? this.#addSource(host, now);
    return known?.take(now) === true && this.#rate.take(now);
  }

  #addSource(host: string, now: Instant): Rate | null {
    if (this.#sources.size >= sourcesLimit) {
      for (const [other, rate] of this.#sources) if (rate.isIdle(now)) this.#sources.delete(other);
      if (this.#sources.size >= sourcesLimit) return null;
    }
    const rate = new Rate(perSource.perSecond, perSource.burst, now);
    this.#sources.set(host, rate);
    return rate;
  }

  #complain(why: string): void {
    if (this.#complaint !== why) this.#env.log.warn('discovery-hears-nothing', { why });
    this.#complaint = why;
  }
}
